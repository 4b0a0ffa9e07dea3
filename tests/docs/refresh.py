"""boto3 with nothing but the environment: lists, and asks the gateway again before its keys end."""

import datetime
import os

import boto3

session = boto3.Session()
bucket = session.resource("s3").Bucket(os.environ["BUCKET"])
print(*sorted((item.key for item in bucket.objects.all()), key=str.lower))

credentials = session.get_credentials()
first = credentials.get_frozen_credentials()
# By boto3's clock, 50 minutes later.
clock = credentials._time_fetcher
credentials._time_fetcher = lambda: clock() + datetime.timedelta(minutes=50)
second = credentials.get_frozen_credentials()
credentials._time_fetcher = clock
if first.access_key == second.access_key:
    raise SystemExit("not refreshed")
bucket.Object("hello.txt").load()
print("refreshed by", credentials.method)
