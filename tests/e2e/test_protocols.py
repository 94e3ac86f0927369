"""The same host code over each transmission protocol of the card: personalise, load, spend."""

from __future__ import annotations

from datetime import date

import pytest

from cardos.card import Card
from cardos.demo import City
from cardos.host import (
    CardData,
    GetResponse,
    Purse,
    PurseSession,
    RegisteredCard,
    SimulatedTransport,
    Wrapper,
    personalise,
)


class Counting(Wrapper):
    """Counts the answers that only announce data."""

    announced = 0

    def transmit(self, command, /):
        answer = super().transmit(command)
        self.announced += answer[:1] == b"\x61" and len(answer) == 2
        return answer


@pytest.mark.parametrize("family", ["city-3des", "city-sm4"])
@pytest.mark.parametrize(("protocol", "announces"), [("T=0", True), ("T=1", False), ("T=CL", False)])
def test_personalise_load_and_spend(protocol, announces, family):
    with City(seed=1) as city:
        desk = city.desks[family]
        card = Card.blank(desk.profile, protocol=protocol)
        wire = Counting(SimulatedTransport(card))
        transport = GetResponse(wire)
        data = CardData(
            issuer=desk.number,
            application_serial=bytes.fromhex("00000000000000000777"),
            start=date(2025, 1, 1),
            expiry=date(2034, 12, 31),
        )
        personalise(transport, desk.profile, data, desk.keys)
        city.register.register(RegisteredCard(data.issuer, data.card_serial, family, data.expiry))
        city.outlets[0].by_family[family].load(transport, 10_00, pin=desk.pin)
        city.terminals[0].by_family[family].purchase(transport, 3_00)
        session = PurseSession(transport, desk.profile)
        assert 7_00 == session.get_balance(Purse.EP)
        session.verify(bytes.fromhex("123456"))
        assert [3_00, 10_00] == [record.amount for record in session.read_log()]
        assert announces == bool(wire.announced)
