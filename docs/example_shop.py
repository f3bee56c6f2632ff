"""A shop in 40 lines: RECSYS_API_KEY=... python docs/example_shop.py."""

import uuid
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

from recsys.client import Client, Event, ServiceError

service = Client()  # at RECSYS_URL, by default http://127.0.0.1:8080


class Shop(BaseHTTPRequestHandler):
    """One page: the item that was clicked, and what to recommend after it."""

    def do_GET(self):
        """Send the click as an event, ask for recommendations, show them."""
        visitor = self.headers.get("Cookie", "").removeprefix("visitor=") or uuid.uuid4().hex
        viewed = parse_qs(urlsplit(self.path).query).get("item", [])[:1]
        try:
            if viewed:
                service.send_events([Event("view", viewed[0], session_id=visitor)])
            answer = service.recommend(session_id=visitor, k=8, blurbs=True, surface="home")
            known = service.get_items([*viewed, *answer.item_ids])
        except ServiceError:  # a shop sells without recommendations, too
            answer, known = (), ()
        titles = {item.item_id: escape(item.title or item.item_id) for item in known}
        rows = f"<h1>{titles.get(viewed[0], 'Not found') if viewed else 'Welcome'}</h1>"
        for item in answer:
            rows += f'<p><a href="/?item={quote(item.item_id, safe="")}">{titles[item.item_id]}</a>'
            rows += f"<br>{escape(item.blurb.text if item.blurb else item.reason or '')}"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Set-Cookie", f"visitor={visitor}; HttpOnly; SameSite=Lax")
        self.end_headers()
        self.wfile.write(rows.encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8000), Shop).serve_forever()
