"""Exchanges printed in manuals and traces, or computed from them, run on the card byte for byte.

None of the expected values was computed here.
"""

from __future__ import annotations

import pytest

from cardos.files.header import charge
from tests.files.desk import CREATE_MF, K8, K16, MASTER, Desk, key_record

KEY_FILE = "80E00000073F018F01F0FFFF"
FF8, FF16, ZERO16 = b"\xff" * 8, b"\xff" * 16, bytes(16)


def card(*commands: str, protocol: str = "T=1") -> Desk:
    """A card with an MF, its key file and what else is given, still in free mode."""
    desk = Desk.blank(protocol=protocol)
    desk.ok(CREATE_MF, KEY_FILE, *commands)
    return desk


MAC_FILE = "80E0001507A80020F0F0FFFF"
ENCIPHERED_FILE = "80E0000507E80020F0F0FFFF"


@pytest.mark.parametrize(
    ("key", "challenge", "command", "plain"),
    [
        pytest.param(K8, "11223344", "04D6950007A1A2A3FDA60909", "A1A2A3", id="mac-des"),
        pytest.param(K16, "11223344", "04D6950007A1A2A3535B58FA", "A1A2A3", id="mac-3des"),
        pytest.param(K16, "1122334455667788", "04D6950007A1A2A31DC2C4CF", "A1A2A3", id="mac-8-byte-challenge"),
        pytest.param(
            K16, "11223344", "04D695000FA1A2A3A4A5A6A7A8A9AAAB2ADFC023", "A1A2A3A4A5A6A7A8A9AAAB", id="mac-whole-blocks"
        ),
        pytest.param(K16, "11223344", "04D685000CC40DF3316C036B394B9EF794", "01020304050607", id="enciphered-7"),
        pytest.param(
            K16, "11223344", "04D68500148AF304966791501044DC914FACF429B8BB27D1B2", "0102030405060708", id="enciphered-8"
        ),
        pytest.param(
            K16, "11223344", "04D6850014B009F1926618C63FDECFC0F111152B1255F27765",
            "0102030405060708090A0B0C0D0E0F", id="enciphered-15",
        ),
    ],
)  # fmt: skip
def test_protected_update(key, challenge, command, plain):
    desk = card(key_record(0x36, 0, key), MAC_FILE, ENCIPHERED_FILE)
    desk.challenge(challenge)
    desk.ok(command)
    assert plain == desk.ok(f"00B0{command[4:6]}00{len(plain) // 2:02X}")


def test_update_of_0005_captured_from_a_card():
    """FM1208 issuance published with its trace; the master key of the MF is FF x 8."""
    desk = card(key_record(0x36, 0, FF8), "80E0000507A80030F0F0FFFF")
    desk.challenge("88BBE4E3")
    desk.ok(
        "04D6850034000122000001FFFF22000000000000060001201610280000000000010001000000000000000000000000000020501231"
        "AE8D8774"
    )
    assert "000122000001FFFF" == desk.ok("00B0850008")


@pytest.mark.parametrize(
    ("key", "id_", "challenge", "command"),
    [
        pytest.param(K16, 0, "11223344", "00820000080B5A6FE8735D479E", id="3des"),
        pytest.param(K8, 0, "11223344", "00820000084B4A726529A8F834", id="des"),
        pytest.param(K16, 0, "1122334455667788", "00820000083EB3B72576BBBE83", id="3des-8-byte-challenge"),
        pytest.param(
            bytes.fromhex("0102030405060708"), 1, "BB83BFF3", "008200010874B0047DD681D96C", id="manual"
        ),
        pytest.param(FF8, 0, "53FD1F262EC4E6E2", "0082000008A0DBBFC1192FF24A", id="captured"),
        pytest.param(FF16, 0, "53FD1F262EC4E6E2", "0082000008A0DBBFC1192FF24A", id="captured-16-byte-key"),
        pytest.param(ZERO16, 0, "8F8D5AEA85880901", "008200000882FE8A38C35A59DF", id="huada-manual"),
    ],
)
def test_external_authenticate(key, id_, challenge, command):
    desk = card(key_record(0x39, id_, key, first=0x0A))
    desk.challenge(challenge)
    desk.ok(command)
    assert (10, 10) == (desk.session.state, desk.session.state_mf)


def test_protected_read():
    desk = card(key_record(0x36, 0, K16), "80E0000507280008F0F0FF7F")
    desk.ok("00D68500080102030405060708")
    desk.challenge()
    assert "0102030405060708D0EA9C57" == desk.ok("04B085000464211EB508")


def test_protected_read_of_an_enciphered_file():
    desk = card(key_record(0x36, 0, K16), "80E0000507E80008F0F0FF7F")
    desk.ok(desk.protected("04D68500080102030405060708", K16, enciphered=True))
    desk.challenge()
    assert "8AF304966791501044DC914FACF429B880F73F2E" == desk.ok("04B085000464211EB508")


def test_protected_read_captured_from_a_card():
    """MAC only and no Le: the answer is the whole file and a MAC over it."""
    desk = card(key_record(0x36, 0, FF16), "80E0000507280010F0F0FF7F")
    content = "112233445566778899" + "00AABBCCDDEEFF"
    desk.ok("00D6850010" + content, "00A40000020005")
    desk.challenge("D0FE4FB9")
    assert content + "8D318577" == desk.ok("04B0000004F09C8A1910")


def test_protected_update_of_the_current_file():
    """klks/fmcos-python, asserted there against an FM1208."""
    desk = card(key_record(0x36, 0, FF16), MAC_FILE)
    desk.ok("00A40000020015")
    desk.challenge("44A47DEB")
    desk.ok("04D600001411223344556677889900AABBCCDDEEFFF2F62231")
    assert "11223344556677889900AABBCCDDEEFF" == desk.ok("00B0000010")


def test_protected_read_of_the_huada_manual():
    """The manual prints the command alone; its MAC is right for the current file, whatever that is."""
    desk = card(key_record(0x36, 0, ZERO16), "80E0000507280008F0F0FF7F", "00D68500080102030405060708")
    desk.ok("00A40000020005")
    desk.challenge("9951EF63")
    assert "0102030405060708" == desk.ok("04B0000004B97F4D3200")[:16]


# ------------------------------------------------------------------ internal authentication


@pytest.mark.parametrize(
    ("type_", "id_", "key", "command", "answer"),
    [
        pytest.param(
            0x30, 1, bytes.fromhex("1122334455667788"), "00880001080102030405060708", "178F59F8578E0D3F",
            id="fmcos-manual-encipher",
        ),
        pytest.param(
            0x31, 1, bytes.fromhex("1122334455667788"), "0088010108178F59F8578E0D3F", "0102030405060708",
            id="fmcos-manual-decipher",
        ),
        pytest.param(
            0x32, 3, bytes.fromhex("1122334455667788"), "00880203080102030405060708", "A82A8CEB", id="fmcos-manual-mac"
        ),
        pytest.param(0x30, 0, K8, "0088000003010203", "0D5498D054BF6C15", id="computed-encipher"),
        pytest.param(0x32, 0, K8, "0088020003010203", "0D5498D0", id="computed-mac"),
    ],
)  # fmt: skip
def test_internal_authenticate(type_, id_, key, command, answer):
    desk = card(key_record(type_, id_, key))
    assert answer == desk.ok(command)


# ------------------------------------------------------------------ blocking and PIN services


BLOCKING = [
    pytest.param(K16, "11223344", "841E00000440D016F4", "for-a-time", id="computed-block"),
    pytest.param(K16, "11223344", "841E000104CA74470A", "for-ever", id="computed-block-for-ever"),
    pytest.param(K16, "11223344", "841600000482164137", "the-card", id="computed-card-block"),
    pytest.param(ZERO16, "B5B0C549", "841E00000434BE5E04", "for-a-time", id="huada-manual-block"),
]


@pytest.mark.parametrize(("key", "challenge", "command", "what"), BLOCKING)
def test_application_and_card_block(key, challenge, command, what):
    desk = card(key_record(0x36, 0, key))
    desk.challenge(challenge)
    desk.ok(command)
    inside = {"for-a-time": "6A81", "for-ever": "9303", "the-card": "6A81"}[what]
    outside = {"for-a-time": "9000", "for-ever": "9303", "the-card": "6A81"}[what]
    assert [inside, outside] == [desk.sw("0088000003010203"), desk.sw("0084000004")]


@pytest.mark.parametrize(
    ("key", "challenge", "command"),
    [
        pytest.param(K16, "11223344", "84180000049E13E3ED", id="computed"),
        pytest.param(ZERO16, "DFBD968E", "84180000047C76AAA0", id="huada-manual"),
    ],
)
def test_application_unblock(key, challenge, command):
    desk = card(key_record(0x36, 0, key))
    desk.ok(desk.protected("801E0000", key))
    assert "6A81" == desk.sw("00A4000000")
    desk.challenge(challenge)
    desk.ok(command, "00A4000000")


def test_selection_of_a_blocked_application_captured_from_a_card():
    """Changsha metro: FCI and 6A81, with T=0 as 61xx first."""
    desk = card(protocol="T=0")
    desk.ok("80E03F0110 38 036F F0F0 95 FFFF A000000003869807")
    assert 0x610C == desk.raw("00A40000023F01").sw
    desk.ok("80E00000073F004001F0FFFF", key_record(0x36, 0, FF16))
    desk.ok(desk.protected("801E0000", FF16))
    waiting = desk.raw("00A4040008 A000000003869807")
    answer = desk.raw(bytes((0x00, 0xC0, 0x00, 0x00, waiting.sw & 0xFF)))
    assert (0x61, "6F0A8408A000000003869807", 0x6A81) == (
        waiting.sw >> 8,
        answer.data.hex().upper(),
        answer.sw,
    )


@pytest.mark.parametrize(
    ("key", "challenge", "command", "pin"),
    [
        pytest.param(K16, "11223344", "842400000C443FBFE8B3103299C75848A0", "123456", id="computed"),
        pytest.param(ZERO16, "72174890", "842400000CC5D6090EFE1729BC9BCF688B", "0000", id="huada-manual"),
    ],
)
def test_pin_unblock(key, challenge, command, pin):
    desk = card(key_record(0x37, 0, key), key_record(0x3A, 0, b"\x99\x99", change=0xEF, second=0x30))
    desk.challenge(challenge)
    desk.ok(command, f"00200000{len(pin) // 2:02X}{pin}")


@pytest.mark.parametrize(
    ("key", "command", "pin"),
    [
        pytest.param(MASTER, "805E00000712345695DEBDDA", "123456", id="computed"),
        pytest.param(ZERO16, "805E0000068888E88182F1", "8888", id="huada-manual"),
    ],
)
def test_reload_pin(key, command, pin):
    desk = card(key_record(0x38, 0, key), key_record(0x3A, 0, b"\x99\x99", change=0xEF, second=0x30))
    desk.ok(command, f"00200000{len(pin) // 2:02X}{pin}")


def test_safety_code_of_the_changsha_metro():
    """As its cards are personalised, and what they answer afterwards."""
    desk = card()
    desk.ok("00220000098588D32B7688D32B76")
    assert "8588D32B7688D32B76" == desk.ok("80CA000009")


# ------------------------------------------------------------------ keys


def test_write_key_that_adds_36():
    desk = card(key_record(0x39, 0, K16, first=0x0A))
    desk.challenge()
    desk.ok("84D401001C5C402563C9EFC04E12B697475482BECB61FBC4706C4E1F440E2766A3")
    record = desk.fs.key(desk.fs.root, 0x36, 0)
    assert ("F002FF33", b"\x36" * 16) == (
        bytes((record.use, record.change, record.first, record.second)).hex().upper(),
        record.value,
    )


def test_write_key_that_makes_the_master_protected():
    desk = card(key_record(0x39, 0, K16, first=0x0A))
    desk.challenge()
    desk.ok("84D439001C9C9924A4CD3972D19D9B0A7255115A743A20D19AC279656920687A92")
    record = desk.fs.key(desk.fs.root, 0x39, 0)
    assert (0xF9, 0xF0, 0xF0, 0xAA, 0x33) == (
        record.type,
        record.use,
        record.change,
        record.first,
        record.second,
    )
    assert MASTER == record.value
    assert desk.authenticate(MASTER) == "9000"


def test_write_key_captured_from_a_card():
    """A DES key of type F9, under the master FF x 16."""
    desk = card(key_record(0x39, 0, FF16, first=0x0A))
    desk.challenge("4C45BAB9")
    desk.ok("84D40102147C87BC23140021B3AFEA67E6359DDCFED7C943F6")
    record = desk.fs.key(desk.fs.root, 0x39, 2)
    assert (0xF9, 0xF0, 0xF0, 0xAA, 0xFF) == (
        record.type,
        record.use,
        record.change,
        record.first,
        record.second,
    )
    assert "1122334455667788" == record.value.hex()


def test_sam_key_loading():
    """A purchase key of one level loaded into a PSAM: control key and loaded key are the same here."""
    desk = Desk.blank("psam-3des")
    desk.ok(CREATE_MF, KEY_FILE, key_record(0x39, 0, MASTER, first=0x0A))
    desk.challenge("5D72B3FD")
    desk.ok("84D400001CDCC0BB5793ABFCA2CA8C1624822F6E01A86A0B5CBED191DD8A9D4ADB")
    record = desk.fs.key(desk.fs.root, 0x22, 0)
    assert (0x22, 0, 0xF0, 0xEF, 0, 0) == (
        record.type,
        record.id,
        record.use,
        record.change,
        record.first,
        record.second,
    )
    assert MASTER == record.value


#: The FM1208 wallet card of the issuer's manual, which a second author ran on a card: (answer, command).
WALLET = """
80E03F000D38FFFFF0F001FFFFFFFFFFFFFF                        9000
80E00000073F005001F0FFFF                                    9000
80D401000D36F0F0FF33FFFFFFFFFFFFFFFF                        9000
80D401001539F0F0AA33FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF        9000
80E00001072A0213F000FFFF                                    9000
80E0000507A80030F0F0FFFF                                    9000
00E200081361114F09A00000000386980701500450424F43            9000
80E03F011138036FF0F095FFFFA00000000386980701                9000
00A4040009A00000000386980701                                6F0B8409A000000003869807019000
80E00000073F018F95F0FFFF                                    9000
80D401001534F000000134343434343434343434343434343434        9000
80D401001536F002FF3336363636363636363636363636363636        9000
80D401001537F002FF3337373737373737373737373737373737        9000
80D401001538F002FF3338383838383838383838383838383838        9000
80D401001539F002443339393939393939393939393939393939        9000
80D40101153EF00200013E013E013E013E013E013E013E013E01        9000
80D40102153EF00200013E023E023E023E023E023E023E023E02        9000
80D40101153FF00200013F013F013F013F013F013F013F013F01        9000
80D40102153FF00200013F023F023F023F023F023F023F023F02        9000
80D40101153DF00201003D013D013D013D013D013D013D013D01        9000
80D40102153DF00201003D023D023D023D023D023D023D023D02        9000
80D40101153CF00201003C013C013C013C013C013C013C013C01        9000
80D40102153CF00201003C023C023C023C023C023C023C023C02        9000
80D401000D3AF0EF013312345FFFFFFFFFFF                        9000
80E0001507A8001EF0F0FFFF                                    9000
80E0001607A80027F0F0FFFF                                    9000
80E00017072805DCF0F0FFFF                                    9000
80E00018072E0A17F0EFFFFF                                    9000
80E00001072F0208F100FF18                                    9000
80E00002072F0208F000FF18                                    9000
00A4000000                                                  6F15840E315041592E5359532E4444463031A5038801019000
"""


def personalised() -> Desk:
    desk = Desk.blank()
    for line in WALLET.split("\n")[1:-1]:
        command, expected = line.split()
        assert expected == desk.card.transmit(bytes.fromhex(command)).hex().upper(), command
    return desk


def test_the_issuing_script_of_a_wallet_card():
    desk = personalised()
    desk.challenge("88BBE4E3")
    desk.ok(
        "04D6850034000122000001FFFF22000000000000060001201610280000000000010001000000000000000000000000000020501231"
        "AE8D8774"
    )
    assert "6F328409A00000000386980701A5259F0801029F0C1E" + "00" * 30 == desk.ok(
        "00A4040009A00000000386980701"
    )
    assert "63C2" == desk.sw("002000000312345E")
    desk.ok("002000000312345F")
    assert "6A83" == desk.sw("00B201C417")
    assert "6A86" == desk.sw(CREATE_MF)


def test_the_directory_record_of_the_wallet_card():
    desk = personalised()
    assert "61114F09A00000000386980701500450424F43" == desk.ok("00B2010C00")


def test_space_of_the_wallet_card():
    """The figures of FMCOS 4.2 for this card: its key files hold 40 and 328 bytes, and without file 0017 the
    application takes 838 of the 879 bytes that its header declares.
    """
    desk = personalised()
    mf, application = desk.fs.root, desk.fs.by_name(bytes.fromhex("A00000000386980701"))
    assert [40, 328] == [desk.fs.state(desk.fs.key_file(node)) for node in (mf, application)]
    files = [node for node in desk.fs.children(application) if node.fid != 0x0017]
    assert (838, 879) == (charge(application) + sum(map(charge, files)), application.shape)
    assert 8192 - desk.fs.free == sum(charge(node) for node in desk.fs.nodes)
