"""What the simulated card does in a second: commands beside the peer simulator, whole purchases, images, memory."""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
import tracemalloc
from datetime import date, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cardos.apdu.purse_commands import DEBIT_FOR_PURCHASE, INITIALIZE_FOR_PURCHASE
from cardos.apdu.sam_commands import CREDIT_SAM_FOR_PURCHASE, INIT_SAM_FOR_PURCHASE
from cardos.card import Card
from cardos.crypto import backend
from cardos.demo import City
from cardos.fields import with_moment
from cardos.host import PsamSession, Purse, PurseSession, SamData, SimulatedTransport, personalise

ROUNDS, PAIRS, PURCHASES, TAPS, IMAGES, CARDS = 9, 500, 500, 60, 50, 2000
WHEN = datetime(2025, 6, 1, 8, 30)
SELECT, READ = bytes.fromhex("00A4040009A00000000386980701"), bytes.fromhex("00B095001E")
PEER = ("/usr/lib/python3/site-packages/virtualsmartcard", "/usr/lib/python3/dist-packages")
TERMINAL = bytes.fromhex("000000000042")


def psam_of(desk):
    """A PSAM that serves the cards of ``desk``, and the transport to it."""
    card = Card.blank(desk.sam_profile)
    transport = SimulatedTransport(card)
    days = {"start": date(2025, 1, 1), "expiry": date(2034, 12, 31)}
    data = SamData(sam_serial=bytes(10), terminal=TERMINAL, **days)
    personalise(transport, desk.sam_profile, data, desk.keys)
    return card, transport


def seconds(action, times):
    start = time.perf_counter()
    for _ in range(times):
        action()
    return time.perf_counter() - start


def alternating(actions, times):
    """The rate of each action: median of rounds in which each has its turn, so that noise meets all of them."""
    rates = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            rates[name].append(times / seconds(action, times))
    return {name: statistics.median(found) for name, found in rates.items()}


def peer():
    """``execute`` of virtualsmartcard with the same application and file, or ``None`` when it is not installed."""
    sys.path[:0] = [place for place in PEER if (Path(place) / "virtualsmartcard").is_dir()]
    try:
        from virtualsmartcard.ConstantDefinitions import FDB
        from virtualsmartcard.SmartcardFilesystem import DF, MF, TransparentStructureEF
        from virtualsmartcard.SmartcardSAM import SAM
        from virtualsmartcard.VirtualSmartcard import Iso7816OS
    except ImportError:
        return None
    logging.disable(logging.CRITICAL)
    mf = MF(filedescriptor=FDB["DF"])
    adf = DF(parent=mf, fid=0x3F01, filedescriptor=FDB["DF"], dfname=SELECT[5:14])
    mf.append(adf)
    adf.append(
        TransparentStructureEF(parent=adf, fid=0x15, filedescriptor=0, shortfid=0x15, data=b"\x11" * 30)
    )
    sam = SAM(b"1234", b"1234567890")
    sam.set_MF(mf)
    return Iso7816OS(mf, sam).execute


def commands(card):
    """SELECT of the application and READ BINARY of its file 0015, as pairs a second."""
    theirs = peer()
    actions = {"cardos": lambda: (card.transmit(SELECT), card.transmit(READ))}
    if theirs is None:
        print("virtualsmartcard is missing: apt-get install vsmartcard-vpicc")
    else:
        # Its SELECT cannot build an FCI under Python 3, so it is asked for none, which is less work than ours.
        silent = SELECT[:3] + b"\x0c" + SELECT[4:]
        assert theirs(silent)[-2:] == theirs(READ)[-2:] == b"\x90\x00"
        actions["virtualsmartcard"] = lambda: (theirs(silent), theirs(READ))
    return alternating(actions, PAIRS)


def purchase_by_bytes(city_card, psam):
    """A purchase of 1 fen as four APDUs; what goes out is cut together from what came in."""
    moment, card, module = with_moment(WHEN), city_card.card, psam[0]
    PurseSession(city_card.transport, city_card.desk.profile)
    PsamSession(psam[1], city_card.desk.sam_profile)
    begin = bytes(INITIALIZE_FOR_PURCHASE.command(1, 2, key_index=1, amount=1, terminal=TERMINAL))
    sam = bytes(
        INIT_SAM_FOR_PURCHASE.command(
            random=bytes(4), offline_serial=0, amount=1, type=6, key_version=0, algorithm=1,
            factors=city_card.serial, **moment,
        )
    )  # fmt: skip
    debit = bytes(DEBIT_FOR_PURCHASE.command(terminal_serial=0, mac1=bytes(4), **moment))
    credit = bytes(CREDIT_SAM_FOR_PURCHASE.command(mac2=bytes(4)))

    def purchase():
        begun = card.transmit(begin)
        opened = module.transmit(sam[:5] + begun[11:15] + begun[4:6] + sam[11:])
        paid = card.transmit(debit[:5] + opened[:4] + debit[9:16] + opened[4:8] + debit[20:])
        assert module.transmit(credit[:5] + paid[4:8]) == b"\x90\x00"

    return purchase


def purchase_by_sessions(city_card, psam):
    """The same through the sessions of the host layer, with every answer parsed."""
    terminal = PurseSession(city_card.transport, city_card.desk.profile)
    module = PsamSession(psam[1], city_card.desk.sam_profile)
    public = terminal.public

    def purchase():
        begun = terminal.initialize_for_purchase(Purse.EP, amount=1, terminal=TERMINAL)
        opened = module.init_sam_for_purchase(begun, card=public, amount=1, transaction_type=6, when=WHEN)
        paid = terminal.debit_for_purchase(
            terminal_serial=opened.terminal_serial, when=WHEN, mac1=opened.mac1
        )
        module.credit_sam_for_purchase(paid.mac2)

    return purchase


def images(card):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.img"
        card.save(path)
        found = [seconds(lambda: Card.load(path).power_on(), 1) for _ in range(IMAGES)]
    return statistics.median(found) * 1e3


def bytes_each(card):
    """Memory of a card under power, of many at once."""
    content = card.memory.snapshot()
    tracemalloc.start()
    many = []
    for _ in range(CARDS):
        each = Card.blank(card.profile)
        each.memory.restore(content)
        each.power_on()
        many.append(each)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(many) / 1024


def rows(city):
    """What is measured: name, figure, aim, whether it is met."""
    mine = city.issue("city-3des")
    city.load(mine, 90_000)
    psam = psam_of(mine.desk)
    pairs = commands(mine.card)
    ours = pairs.pop("cardos")
    yield "SELECT + READ BINARY, pairs a second", f"{ours:,.0f}", "", None
    for name, theirs in pairs.items():
        yield f"  {name}", f"{theirs:,.0f}", "", None
        yield "  ratio", f"{ours / theirs:.1f}", ">= 10", ours >= 10 * theirs
    rate = alternating({"": purchase_by_bytes(mine, psam)}, PURCHASES)[""]
    yield "purchases a second: card and PSAM, 4 APDUs", f"{rate:,.0f}", ">= 5,000", rate >= 5000
    rate = alternating({"": purchase_by_sessions(mine, psam)}, PURCHASES)[""]
    yield "  through the host's sessions", f"{rate:,.0f}", "", None
    rate = alternating({"": lambda: city.spend(mine, 1)}, TAPS)[""]
    yield "  through a terminal with its durable journal", f"{rate:,.0f}", "", None
    milliseconds = images(mine.card)
    yield "opening an image, ms", f"{milliseconds:.2f}", "<= 5", milliseconds <= 5
    size = bytes_each(mine.card)
    yield f"a card of {CARDS:,} under power, KiB", f"{size:.1f}", "<= 100", size <= 100


def main():
    with City(seed=1) as city:
        table = Table(
            "", "measured", "aim", "met", title=f"Medians of {ROUNDS} rounds, backend {backend.name}"
        )
        for name, figure, aim, met in rows(city):
            table.add_row(name, figure, aim, "" if met is None else "yes" if met else "no")
    Console().print(table)


if __name__ == "__main__":
    main()
