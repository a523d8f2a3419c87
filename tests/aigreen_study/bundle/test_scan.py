"""Personal data, secrets and traces of machines are found; numbers and hashes of a study are not mistaken for them."""

import pytest

from aigreen_study.bundle.scan import scan, valid_identity

# Written in pieces, so that this file passes its own test.
FOUND = {
    "an e-mail address": ["write to li.na" + "@uni-kiel.de", "'wang" + "@163.com'"],
    "an identity number": ["id 11010519491231" + "002X", "110105194912310" + "02x;"],
    "a phone number": ["call 138" + "12345678", "+86 138" + "-1234-5678", "+49 431" + " 880 1234"],
    "a private key": ["-----BEGIN RSA PRIV" + "ATE KEY-----", "-----BEGIN PRIV" + "ATE KEY-----"],
    "an access key of a cloud": ["AKIA" + "ABCDEFGHIJKLMNOP"],
    "a token of a code host": ["ghp" + "_" + "a1" * 18, "glpat" + "-" + "a1" * 10],
    "a password in an address": ["https://me:" + "hunter22@db.example.org/x"],
    "a password or key as a constant": ["api_key" + " = 'abcdefgh1234'", '"password"' + ': "correcthorse"'],
    "address of a private network": ["192.168" + ".1.20", "db1" + ".internal"],
}
CLEAN = [
    "someone@example.org and 1@example.com, noreply at users",
    "0.13812345678, 13812345678.25, 1381234567890, sha256 13812345678abcdef",
    "11010519491231002" + "0 has a wrong check digit",
    "git@ a decorator, @dataclass and x@y",
    "version 10.0.0 and 10.12.1",
    "https://example.org/home/a ~/opt/b ../job/y results/home/x",
    "password = os.environ['PASSWORD']",
]


@pytest.mark.parametrize(("what", "line"), [(what, line) for what, lines in FOUND.items() for line in lines])
def test_found(what, line):
    (finding,) = scan("a.txt", f"first\n{line}\n".encode())
    assert finding.refused
    assert finding.why == f"line 2: {what}"


@pytest.mark.parametrize("line", ["/ho" + "me/me/x", "'/Us" + "ers/me'", "C:" + "\\Users\\me", "open('/tm" + "p/x')"])
def test_absolute_paths_are_found(line):
    (finding,) = scan("a.txt", line.encode())
    assert finding.what == "trace of a machine"
    assert finding.why.startswith("line 1: absolute path")


@pytest.mark.parametrize("line", CLEAN)
def test_not_mistaken(line):
    assert scan("a.txt", line.encode()) == []


def test_in_drawings_numbers_of_persons_are_those_of_their_text():
    phone = "138" + "1234" + "5678"
    path = f'<path\n d="M {phone} 12\n L {phone} 3"/>'
    assert scan("a.svg", path.encode()) == []
    drawn = f"{path}\n<text x='1'>call {phone}</text>\n<!-- {phone} -->\n<image href='/home/" + "someone/a.png'/>"
    assert [finding.why for finding in scan("a.svg", drawn.encode())] == [
        "line 4: a phone number", "line 6: absolute path /home/" + "someone",
    ]  # fmt: skip


def test_each_fault_once_a_file_and_no_binary():
    text = ("138" + "12345678\n") * 3
    assert [finding.why for finding in scan("a.txt", text.encode())] == ["line 1: a phone number"]
    assert scan("a.bin", b"\0" + text.encode()) == []


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("11010519491231" + "002X", True),
        ("110105194912310021", False),
        ("110105194913310028", False),
        ("0" * 18, False),
    ],
)
def test_identity_numbers(number, valid):
    assert valid_identity(number) is valid


def checked(body):
    """Seventeen digits with the check character that makes them valid but for the birthday."""
    return body + "10X98765432"[sum(pow(2, 17 - i, 11) * int(digit) for i, digit in enumerate(body)) % 11]


@pytest.mark.parametrize(
    ("birthday", "valid"),
    [("19491231", True), ("19490132", False), ("19491301", False), ("19490230", False), ("18991231", False),
     ("19000101", True), ("21001231", True), ("21010101", False)],
)  # fmt: skip
def test_an_identity_number_has_a_possible_birthday(birthday, valid):
    assert valid_identity(checked(f"110105{birthday}002")) is valid
    assert not valid_identity(checked(f"910105{birthday}002"))


def test_the_project_itself_is_clean(repository):
    from aigreen_study.bundle.files import project_files

    found = [
        str(finding) for name in project_files(repository) for finding in scan(name, (repository / name).read_bytes())
    ]
    assert found == []
