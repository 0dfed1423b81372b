"""A morning at a real-looking customer centre: its people, customers and some thirty requests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import sqlalchemy as sa

from supportdesk.actions.add_note import add_note
from supportdesk.actions.assign_ticket import take_ticket
from supportdesk.actions.hand_back import hand_back
from supportdesk.actions.passwords import hash_password
from supportdesk.actions.reply import reply
from supportdesk.actions.request_lines import confirm_line
from supportdesk.actions.runtime import Runtime
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.models import (
    Absence,
    Agent,
    Contact,
    Message,
    OutboxMail,
    OutboxState,
    RequestLine,
    Right,
    Service,
    Ticket,
)
from supportdesk.routing.facts import AbsenceKind
from supportdesk.settings import Settings
from supportdesk.tickets import Desk, State
from tests.factories import (
    Cast,
    make_agent,
    make_assignment,
    make_contact,
    make_contract,
    make_mailbox,
    make_organisation,
    make_receipt,
)
from tests.staff import viewer_of
from tests.world import SetClock, World

PASSWORD = "zelené okno u lesa"
NOW = datetime(2026, 11, 24, 8, 20, tzinfo=UTC)  # a Tuesday, 9:20 in Prague


@dataclass(frozen=True, slots=True)
class Region:
    """The service with its people by user name."""

    world: World
    agents: dict[str, Agent]

    @property
    def runtime(self) -> Runtime:
        """Give the running service's parts."""
        return self.world.runtime


def make_region(database: Database, folder: Path, **settings: object) -> Region:
    """Fill an empty database with the region as it looks on a Tuesday morning."""
    clock = SetClock(NOW)
    chosen = Settings(data_dir=folder, authserv_id="mx.example.com", **settings)  # type: ignore[arg-type]
    runtime = Runtime(database, BlobStore(folder / "blobs"), chosen, clock, b"s" * 32)
    with database.write() as session:
        cast, agents = _people(session)
    region = Region(World(runtime, clock, cast), agents)
    _requests(region)
    _quarantine(region)
    _work(region)
    clock.now = NOW
    return region


def _people(session: sa.orm.Session) -> tuple[Cast, dict[str, Agent]]:
    hashed = hash_password(PASSWORD)

    def agent(
        username: str, name: str, *desks: Desk, rights: tuple[Right, ...] = (), skill: int = 3
    ) -> Agent:
        made = make_agent(
            session, name, desks=desks, rights=rights, experience=skill, username=username
        )
        made.password_hash = hashed
        return made

    jana = agent("jana.novakova", "Jana Nováková", Desk.CUSTOMER_CENTRE)
    petr = agent("petr.dvorak", "Petr Dvořák", Desk.CUSTOMER_CENTRE)
    olga = agent("olga.pokorna", "Olga Pokorná", Desk.POOL, skill=5)
    marek = agent("marek.hruska", "Marek Hruška", Desk.POOL, skill=2)
    tomas = agent("tomas.marek", "Tomáš Marek", Desk.TDMS)
    karel = agent("karel.svoboda", "Karel Svoboda", rights=(Right.ACCOUNT_MANAGER,))
    vera = agent("vera.mala", "Věra Malá", Desk.CUSTOMER_CENTRE, rights=(Right.SUPERVISOR,))
    adam = agent("adam.spravny", "Adam Správný", rights=(Right.ADMINISTRATOR,))
    session.add(
        Absence(
            agent_id=petr.id,
            starts_at=NOW - timedelta(days=1),
            ends_at=NOW + timedelta(days=2),
            kind=AbsenceKind.TRAINING,
            substitute_id=jana.id,
        )
    )
    contract = make_contract(session, "RS-2026-014")
    contract.name = "Rámcová smlouva Severohorský kraj"
    office = make_organisation(
        session, "Krajský úřad Severohorského kraje", contract=contract, authority="central"
    )
    office.registration_number = "70891508"
    office.note = "Vyúčtování posílat vždy do datové schránky, ne e-mailem."
    names = (
        "Nemocnice Podhoří",
        "Krajská správa silnic",
        "Záchranná služba Severohorského kraje",
        "Domov seniorů Jizera",
        "Gymnázium Lípa",
        "Severohorské muzeum",
    )
    others = {name: make_organisation(session, name, contract=contract) for name in names}
    make_assignment(session, jana, Service.CONSULTANT, contract=contract)
    make_assignment(session, petr, Service.DEPUTY, contract=contract)
    make_assignment(session, karel, Service.ACCOUNT_MANAGER, contract=contract)
    make_assignment(session, petr, Service.CONSULTANT, organisation=others["Krajská správa silnic"])
    hospital, museum = others["Nemocnice Podhoří"], others["Severohorské muzeum"]

    def contact(
        name: str, address: str, role: str, *where: object, number: str | None = None
    ) -> Contact:
        return make_contact(session, name, *where, roles=[role], address=address, number=number)  # type: ignore[arg-type]

    ekonom = contact(
        "Ing. Eva Říhová", "rihova@kraj.example", "finance_admin", office, number="+420601000101"
    )
    technik = contact(
        "Bc. Ivan Štěpánek",
        "stepanek@kraj.example",
        "technical_admin",
        office,
        number="+420601000102",
    )
    reditel = contact(
        "Mgr. Radek Žďárský", "reditel@gymlipa.example", "responsible", others["Gymnázium Lípa"]
    )
    contact(
        "MUDr. Lenka Čápová",
        "capova@nemocnice-podhori.example",
        "responsible",
        hospital,
        number="+420601000201",
    )
    contact("Zdeněk Kučera", "kucera@nemocnice-podhori.example", "technical_admin", hospital)
    contact(
        "Hana Procházková",
        "prochazkova@kss.example",
        "service_admin",
        others["Krajská správa silnic"],
    )
    contact(
        "Jiří Vlček",
        "vlcek@zzs.example",
        "service_admin",
        others["Záchranná služba Severohorského kraje"],
    )
    contact(
        "Marie Benešová",
        "benesova@domovjizera.example",
        "informational",
        others["Domov seniorů Jizera"],
    )
    contact("PhDr. Ondřej Kříž", "kriz@muzeum.example", "responsible", museum)
    cast = Cast(
        jana=jana, petr=petr, olga=olga, tomas=tomas, supervisor=vera, account_manager=karel,
        administrator=adam, contract=contract, region=office, school=others["Gymnázium Lípa"],
        ekonom=ekonom, technik=technik, reditel=reditel,
        mailbox=make_mailbox(session, "business@operator.example"),
    )  # fmt: skip
    make_mailbox(session, "technik@operator.example", topic="technical")
    agents = {each.username: each for each in (jana, petr, olga, marek, tomas, karel, vera, adam)}
    return cast, agents


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of the story; `ago` in minutes before NOW."""

    ago: int
    sender: str
    subject: str
    text: str
    dmarc: str = "pass"
    to: str = "business@operator.example"
    html: str = ""


STORY = (
    Mail(60 * 24 * 12, "Ing. Eva Říhová <rihova@kraj.example>", "Dotaz k souhrnnému účtu za říjen", "Dobrý den,\n\nv souhrnném účtu za říjen nesouhlasí součet za Domov seniorů. Můžete to prosím ověřit?\n\nDěkuji\nEva Říhová"),
    Mail(60 * 24 * 9, "Hana Procházková <prochazkova@kss.example>", "Navýšení dat u 12 čísel cestmistrů", "Dobrý den, prosím o změnu tarifu u 12 čísel cestmistrů na datový balíček 10 GB od 1. 12. Seznam čísel posílám v příloze.\n\nHana Procházková, KSS"),
    Mail(60 * 24 * 6, "Jiří Vlček <vlcek@zzs.example>", "Objednávka 4 telefonů pro nové posádky", "Dobrý den,\nprosíme o objednávku 4 odolných telefonů a 4 SIM karet pro nové posádky.\n\nJiří Vlček"),
    Mail(60 * 24 * 4, "PhDr. Ondřej Kříž <kriz@muzeum.example>", "Kopie vyúčtování služeb za září", "Dobrý den, prosím o zaslání kopie vyúčtování za září, auditor ji potřebuje do pátku."),
    Mail(60 * 24 * 3, "Marie Benešová <benesova@domovjizera.example>", "Nefunguje hlasová schránka", "Dobrý den, na čísle recepce nám od rána nefunguje hlasová schránka."),
    Mail(60 * 24 + 90, "MUDr. Lenka Čápová <capova@nemocnice-podhori.example>", "Přístup k podrobnému výpisu hovorů", "Dobrý den,\n\npotřebovala bych přístup k podrobnému výpisu hovorů za naši nemocnici za poslední tři měsíce.\n\nS pozdravem\nLenka Čápová"),
    Mail(60 * 17, "Ing. Eva Říhová <rihova@kraj.example>", "Reklamace vyúčtování 11/2026: roaming", "Dobrý večer,\n\nreklamuji vyúčtování, na čísle 601 000 117 je roaming za 8 400 Kč, kolega ale v zahraničí nebyl.\n\nEva Říhová"),
    Mail(60 * 13 + 12, "Zdeněk Kučera <kucera@nemocnice-podhori.example>", "Výpadek MPLS mezi budovami A a C", "Dobrý večer,\nod 19:50 nám nejde spojení MPLS mezi budovami A a C, ambulance jedou na papíře. Prosím o urgentní řešení.\n\nZdeněk Kučera\nIT Nemocnice Podhoří", to="technik@operator.example"),
    Mail(60 * 11, "Jiří Vlček <vlcek@zzs.example>", "UKRADENÝ TELEFON, prosím zablokovat SIM", "Dobrý den, posádce 3 byl ukraden služební telefon, číslo 601 000 331. Prosím o okamžitou blokaci SIM.\n\nVlček"),
    Mail(60 * 9, "Petra Nová <petra.nova@seznam.example>", "Jak dlouho platí voucher?", "Dobrý den, dostala jsem od vás voucher, jak dlouho platí?", dmarc="fail"),
    Mail(60 * 7 + 31, "Marie Benešová <benesova@domovjizera.example>", "Klientka volá na placené linky", "Dobrý den, jedna z našich klientek opakovaně volá na linky 906. Jde to nějak omezit, aniž bychom jí vzali telefon?\n\nMarie Benešová, Domov seniorů Jizera"),
    Mail(75, "Bc. Ivan Štěpánek <stepanek@kraj.example>", "Pomalý přenos dat na APN kraj.internal", "Dobrý den,\n\nod 7:30 máme na APN kraj.internal odezvy přes 900 ms, měření přikládám. Týká se to všech odboček.\n\nIvan Štěpánek\n\nDne 23. 11. 2026 v 16:04 Tomáš Marek napsal:\n> Dobrý den, plánovaná odstávka proběhne v noci na úterý.\n> Tomáš Marek, TDMS"),
    Mail(52, "Mgr. Radek Žďárský <reditel@gymlipa.example>", "Nová smlouva na 20 čísel pro učitele", "Dobrý den,\n\npaní Nováková, rádi bychom od ledna pro učitele 20 nových čísel pod rámcovou smlouvou kraje. Co od nás potřebujete?\n\nRadek Žďárský\nředitel", html="<p>Dobrý den,</p><p>paní Nováková, rádi bychom od <b>ledna</b> pro učitele <b>20 nových čísel</b> pod rámcovou smlouvou kraje.<br>Co od nás potřebujete?</p><p>Radek Žďárský<br><i>ředitel</i></p>"),
    Mail(34, "Ing. Eva Říhová <rihova@kraj.example>", "Kdy bude k dispozici vyúčtování za listopad?", "Dobrý den, kdy prosím najdeme na portálu vyúčtování za listopad? Potřebujeme ho pro uzávěrku."),
    Mail(21, "Hana Procházková <prochazkova@kss.example>", "Výměna SIM u čísla 601 000 245", "Dobrý den, řidiči přestala fungovat SIM, prosím o výměnu za novou. Vyzvedneme ji osobně."),
    Mail(9, "neznamy@firma.example", "Poptávka: připojení pro novou pobočku", "Dobrý den, zajímalo by nás připojení pro pobočku o 15 lidech. Kdo se nám ozve?", dmarc="none"),
    Mail(4, "MUDr. Lenka Čápová <capova@nemocnice-podhori.example>", "Přesměrování pevné linky na mobil lékařské pohotovosti", "Dobrý den,\nprosím o přesměrování linky 480 000 111 na 601 000 220 od dnešních 18:00 do zítřejších 6:00.\n\nLenka Čápová"),
)  # fmt: skip


def _requests(region: Region) -> None:
    for number, mail in enumerate(STORY):
        region.world.arrives(_raw(mail, number), to=[mail.to], at=NOW - timedelta(minutes=mail.ago))


def _quarantine(region: Region) -> None:
    raw = (
        b"From: =?utf-8?q?Nemocnice?= <fakturace@nemocnice-podhori.example>\r\n"
        b"To: business@operator.example\r\nSubject: Faktura\r\n"
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    )
    key = region.runtime.blobs.put(raw)
    with region.runtime.database.write() as session:
        receipt = make_receipt(session, mailbox=region.world.cast.mailbox)
        receipt.blob_key, receipt.size_bytes = key, len(raw)
        receipt.received_at = NOW - timedelta(hours=3)
        receipt.problem = "The mail has more than 1,000 parts; it was not taken apart."
        receipt.envelope = {
            "sender": "fakturace@nemocnice-podhori.example",
            "recipients": ["business@operator.example"],
        }


def _raw(mail: Mail, number: int) -> bytes:
    message = EmailMessage()
    domain = mail.sender.rstrip(">").rpartition("@")[2]
    message["Authentication-Results"] = f"mx.example.com; dmarc={mail.dmarc} header.from={domain}"
    message["From"] = mail.sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Message-ID"] = f"<story-{number}@{domain}>"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    if "příloze" in mail.text or "přikládám" in mail.text:
        message.add_attachment(
            "číslo;tarif\n601000245;10 GB\n".encode(), maintype="text", subtype="csv",
            filename="seznam čísel.csv",
        )  # fmt: skip
        message.add_attachment(PIXEL, maintype="image", subtype="png", filename="měření.png")
    return message.as_bytes()


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def _work(region: Region) -> None:
    """Let the staff do what they would have done by now."""
    runtime, clock = region.runtime, region.world.clock
    viewers = {name: viewer_of(runtime, agent) for name, agent in region.agents.items()}
    by_subject = _tickets(runtime)

    def answer(
        who: str, subject: str, text: str, ago: int, then: State = State.WAITING_CUSTOMER
    ) -> None:
        clock.now = NOW - timedelta(minutes=ago)
        ticket_id = by_subject[subject]
        with runtime.database.read() as session:
            last = session.scalar(
                sa.select(sa.func.max(Message.id)).where(Message.ticket_id == ticket_id)
            )
            to = session.scalar(
                sa.select(Message.sender_address)
                .where(Message.ticket_id == ticket_id)
                .order_by(Message.id)
                .limit(1)
            )
        reply(
            runtime, viewers[who], ticket_id, text=text, to=[to or ""],
            last_seen_message_id=last or 0, then_state=then,
        )  # fmt: skip

    answer("jana.novakova", STORY[0].subject, "Dobrý den, paní inženýrko,\n\nsoučet jsme prověřili, chyběla sleva za Domov seniorů. Opravený účet najdete na portálu.\n\nJana Nováková", 60 * 24 * 11, State.RESOLVED)  # fmt: skip
    answer("jana.novakova", STORY[2].subject, "Dobrý den,\n\nobjednávku připravujeme. Prosím o potvrzení dodací adresy:\n\n- stanice Lípa\n- stanice Podhoří\n\nJana Nováková", 60 * 24 * 5)  # fmt: skip
    answer("jana.novakova", STORY[3].subject, "Dobrý den, kopii jsme uložili na portál k ostatním dokladům.\n\nJana Nováková", 60 * 24 * 3, State.RESOLVED)  # fmt: skip
    answer("olga.pokorna", STORY[8].subject, "Dobrý den,\n\nSIM čísla 601 000 331 je od 22:24 zablokovaná. Zítra se Vám ozve paní Nováková ohledně náhradní karty.\n\nOlga Pokorná", 60 * 11 - 4)  # fmt: skip
    clock.now = NOW - timedelta(minutes=60 * 11 - 6)
    add_note(runtime, viewers["olga.pokorna"], by_subject[STORY[8].subject], "Ověřeno zpětným voláním na číslo dispečinku. Náhradní SIM nabídnout ráno, posádka 3 slouží od 6:00.")  # fmt: skip
    answer("tomas.marek", STORY[7].subject, "Dobrý den,\n\nvýpadek způsobila závada na převodníku, technik je na cestě, na místě bude do 21:30.\n\nTomáš Marek, TDMS", 60 * 13 - 6, State.WAITING_INTERNAL)  # fmt: skip
    _confirm_first_line(region, by_subject[STORY[5].subject])
    for who, subject in (("jana.novakova", STORY[12].subject), ("jana.novakova", STORY[5].subject)):
        clock.now = NOW - timedelta(minutes=40)
        take_ticket(
            runtime,
            viewers[who],
            by_subject[subject],
            version=_version(runtime, by_subject[subject]),
        )
    clock.now = NOW - timedelta(minutes=80)
    hand_back(runtime)
    _deliver(runtime)


def _confirm_first_line(region: Region, ticket_id: int) -> None:
    runtime = region.runtime
    with runtime.database.read() as session:
        line = session.scalar(
            sa.select(RequestLine.id).where(RequestLine.ticket_id == ticket_id).limit(1)
        )
    if line is not None:
        viewer = viewer_of(runtime, region.agents["jana.novakova"])
        confirm_line(runtime, viewer, ticket_id, line)


def _deliver(runtime: Runtime) -> None:
    """Pretend that the mail server took all mails but the last reply."""
    with runtime.database.write() as session:
        mails = session.scalars(sa.select(OutboxMail).order_by(OutboxMail.id)).all()
        for mail in mails:
            mail.state, mail.sent_at, mail.attempts = OutboxState.SENT, mail.queued_at, 1


def _tickets(runtime: Runtime) -> dict[str, int]:
    with runtime.database.read() as session:
        rows = session.execute(sa.select(Ticket.subject, Ticket.id))
        return {row.subject: row.id for row in rows}


def _version(runtime: Runtime, ticket_id: int) -> int:
    with runtime.database.read() as session:
        return session.scalar(sa.select(Ticket.version).where(Ticket.id == ticket_id)) or 0
