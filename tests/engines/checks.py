"""The results of a suite: checks that passed or failed, and differences between engines."""

import sys

from botocore.exceptions import ClientError

passed, failed, noted = 0, [], {}


def check(name, good, seen=""):
    global passed
    if good:
        passed += 1
    else:
        failed.append(name)
    print(f"{'ok  ' if good else 'FAIL'}  {name}{'' if good else f'  ({seen})'}", flush=True)


def status_of(call):
    """The HTTP status and the error code of a boto3 call."""
    try:
        call()
        return 200, ""
    except ClientError as error:
        answer = error.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("Error", {}).get("Code", "")


def allowed(name, call):
    status, code = status_of(call)
    check(f"allowed: {name}", status == 200, f"{status} {code}")


def refused(name, call, statuses=(403,)):
    status, code = status_of(call)
    check(f"refused: {name}", status in statuses, f"{status} {code}")


def note(name, call):
    """Records an outcome that differs between engines without judging it."""
    status, code = status_of(call)
    noted[name] = f"{status} {code}".strip()


def finish(suite):
    """Prints the summary and exits with 1 if a check failed."""
    for name, seen in noted.items():
        print(f"note  {suite}: {name}: {seen}")
    print(f"{suite}: {passed} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)
