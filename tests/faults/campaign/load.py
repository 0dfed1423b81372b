"""The people around the service: customers who write until they are heard, an agent who answers."""

import http.client
import http.cookiejar
import queue
import re
import smtplib
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa
from imapclient.exceptions import IMAPClientError

from supportdesk.db.models import Author, Message
from tests.faults.campaign.installation import DESK_PASSWORD, Installation
from tests.faults.campaign.requests import TO, Request, Way

_RETRY_SECONDS = 0.1


class Customers:
    """Mail servers that repeat each mail until they hear "250"; they note what was accepted."""

    def __init__(self, target: Installation, servers: int = 4) -> None:
        self.accepted: set[str] = set()
        self._target = target
        self._ways: dict[Way, queue.SimpleQueue[Request | None]] = {
            way: queue.SimpleQueue() for way in Way
        }
        self._threads = [
            threading.Thread(target=self._run, args=(way, send), name=f"customer-{way}-{number}")
            for way, send, count in (
                (Way.DOOR, self._through_door, servers),
                (Way.IMAP, self._into_mailbox, 1),
            )
            for number in range(count)
        ]
        self._gives_up = threading.Event()

    def start(self) -> None:
        """Have the customers ready to write."""
        for thread in self._threads:
            thread.start()

    def write(self, requests: list[Request]) -> None:
        """Hand over requests, which go out as fast as they are taken."""
        for request in requests:
            self._ways[request.way].put(request)

    def finish(self, seconds: float) -> bool:
        """Wait until all is accepted; False when it is not after so long."""
        for thread in self._threads:
            self._ways[Way(thread.name.split("-")[1])].put(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        all_done = not any(thread.is_alive() for thread in self._threads)
        self._gives_up.set()
        for thread in self._threads:
            thread.join()
        return all_done

    def _run(self, way: Way, send: Callable[[Request], bool]) -> None:
        while (request := self._ways[way].get()) is not None:
            while not send(request):
                if self._gives_up.wait(_RETRY_SECONDS):
                    return
            self.accepted.add(request.key)

    def _through_door(self, request: Request) -> bool:
        try:
            with smtplib.LMTP("127.0.0.1", self._target.door.door_port) as door:
                assert door.sock is not None
                door.sock.settimeout(40)
                door.sendmail(request.sender, [TO], request.raw)
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def _into_mailbox(self, request: Request) -> bool:
        try:
            with self._target.mailbox_is_moved:
                self._target.mailbox.append(request.raw)
        except (OSError, IMAPClientError):
            return False
        return True


class Agent(threading.Thread):
    """A consultant at her browser: answers tickets, and sends a form again when no answer comes."""

    def __init__(self, target: Installation) -> None:
        super().__init__(name="agent")
        self.answered: set[str] = set()
        self.refusals: list[str] = []
        self._target = target
        self._done = threading.Event()
        self._last_message = 0
        self._browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )

    def finish(self) -> None:
        """Have her end what she is doing and go."""
        self._done.set()
        self.join()

    def run(self) -> None:
        """Answer every tenth request or so, one after the other."""
        while not self._done.wait(0.2):
            with self._target.agent_may_write, suppress(sa.exc.SQLAlchemyError):
                ticket_id = self._next_ticket()
                if ticket_id is not None:
                    self._answer(ticket_id)

    def _next_ticket(self) -> int | None:
        with self._target.runtime.database.read() as session:
            newest = session.execute(
                sa.select(Message.id, Message.ticket_id)
                .where(Message.author == Author.CUSTOMER, Message.id > self._last_message)
                .order_by(Message.id.desc())
                .limit(1)
            ).one_or_none()
        if newest is None:
            return None
        self._last_message = newest.id
        ticket_id: int = newest.ticket_id
        return ticket_id

    def _answer(self, ticket_id: int) -> None:
        path = f"/tickets/{ticket_id}"
        page = self._persist(lambda: self._open(path))
        if page is None:
            return
        text = f"Odpověď na dotaz {ticket_id}"
        form = {
            "csrf_token": _value(page, "csrf_token"),
            "last_seen_message_id": _value(page, "last_seen_message_id"),
            "to": "ekonom@kraj.example",
            "text": text,
            "then_state": "waiting_customer",
        }
        if self._persist(lambda: self._post(f"{path}/reply", form)) is not None:
            self.answered.add(text)

    def _persist(self, visit: Callable[[], str]) -> str | None:
        """Repeat a visit until the server says yes or no."""
        for _ in range(400):
            try:
                return visit()
            except urllib.error.HTTPError as error:
                if error.code == 409:  # she wrote already: the first answer did not reach her
                    return ""
                if error.code < 500:
                    self.refusals.append(f"{error.code} at {error.url}")
                    return None
            except (OSError, http.client.HTTPException):
                pass  # nobody is there just now
            time.sleep(_RETRY_SECONDS)
        self.refusals.append("no answer after a long time")
        return None

    def _open(self, path: str) -> str:
        page = self._fetch(path)
        if 'name="password"' in page:
            token = _value(page, "csrf_token")
            username = self._target.cast.jana.username
            log_in = {"csrf_token": token, "username": username, "password": DESK_PASSWORD}
            self._post("/log-in", log_in)
            page = self._fetch(path)
        return page

    def _fetch(self, path: str) -> str:
        with self._browser.open(self._target.web_address + path, timeout=40) as answer:
            text: str = answer.read().decode()
            return text

    def _post(self, path: str, form: dict[str, str]) -> str:
        request = urllib.request.Request(  # noqa: S310 - our own address
            self._target.web_address + path,
            data=urllib.parse.urlencode(form).encode(),
            headers={"Origin": self._target.web_address},
        )
        with self._browser.open(request, timeout=40) as answer:
            text: str = answer.read().decode()
            return text


def _value(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    if found is None:
        raise http.client.HTTPException(f"The page has no {name}.")
    return found[1]
