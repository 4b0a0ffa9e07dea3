"""Every language of the console has the same texts, with the same placeholders and forms."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

CONSOLE = Path(__file__).resolve().parents[2] / "src/http/pages/console"


def words(language):
    source = (CONSOLE / f"texts/{language}.js").read_text()
    module = f"data:text/javascript,{quote(source)}"
    script = f"import({json.dumps(module)}).then(({{ words }}) => console.log(JSON.stringify(words)))"
    return json.loads(subprocess.check_output(["node", "--input-type=module", "-e", script], text=True))


def shape(text):
    """What a translation must keep: the placeholders, for each form."""
    forms = text if isinstance(text, dict) else {"other": text}
    return {form: sorted(re.findall(r"\{(\w+)\}", words)) for form, words in forms.items()}


def used():
    """The keys that the code asks for by name."""
    for file in CONSOLE.rglob("*.js"):
        if file.parent.name not in ("texts", "vendor"):
            for key in re.findall(r"\bt\('([\w.-]+)'", file.read_text()):
                yield file.name, key


def main():
    languages = sorted(file.stem for file in (CONSOLE / "texts").glob("*.js"))
    texts = {language: words(language) for language in languages}
    wrong = [f"{language}: {key}" for language in languages for key in texts["en"].keys() | texts[language].keys()
             if shape(texts[language].get(key, "")) != shape(texts["en"].get(key, "")) or key not in texts[language]]
    wrong += [f"{file}: no text {key}" for file, key in used() if key not in texts["en"]]
    print(f"{'FAIL ' if wrong else 'ok   '} console: {', '.join(languages)} have the same {len(texts['en'])} texts")
    sys.exit("\n".join(wrong) or 0)


main()
