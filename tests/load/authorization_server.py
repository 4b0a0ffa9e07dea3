"""An authorization server that knows every token `token-N` as user N's: `authorization_server.py PORT`.

The load test measures the gateway with a warm cache, so nothing is asked here while it measures.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

port = int(sys.argv[1])
issuer = f"http://127.0.0.1:{port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer({"issuer": issuer, "introspection_endpoint": f"{issuer}/introspect"})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = form["token"][0]
        self.answer({
            "active": token.startswith("token-"),
            "sub": token.removeprefix("token-"),
            "client_id": "load",
            "scope": "com.cleverbase.storage",
        })

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
