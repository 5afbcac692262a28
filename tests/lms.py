"""Downloads for the tests of `autograder import`: as Canvas and Moodle make them, and as an attacker would."""

import io
import struct
import tarfile
import zipfile
import zlib
from functools import cache

import nbformat
from tiny_class import written

LOCAL, CENTRAL, END = "<4s5H3L2H", "<4s6H3L5H2L", "<4s4H2LH"


@cache
def book(n=0):
    """The bytes of an honest notebook; another `n`, another notebook."""
    return nbformat.writes(written({"score": f"def score():\n    return 6.0 - {n}"})).encode()


def pack(path, files):
    """A zip of name -> bytes (or text), as programs make it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def packed(files):
    buffer = io.BytesIO()
    pack(buffer, files)
    return buffer.getvalue()


def canvas(path, *files):
    """Canvas's "Download submissions" of (name, user, upload, file, bytes); a name may end in _LATE."""
    return pack(path, {f"{name}_{user}_{upload}_{file}": data for name, user, upload, file, data in files})


def moodle(path, *files, folders=True):
    """Moodle's "Download all submissions" of (full name, participant, file, bytes), with folders or without."""
    between = "/" if folders else "_"
    return pack(path, {f"{name}_{n}_assignsubmission_file{between}{file}": data for name, n, file, data in files})


def tarred(path, *members, mode="w:gz"):
    """A tar of (name, bytes) and of ready `TarInfo`s."""
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size, info.mtime = len(member[1]), 1_700_000_000
            archive.addfile(info, io.BytesIO(member[1]))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def inside(course):
    """student -> bytes of the notebook that is in the class."""
    return {p.parts[-3]: p.read_bytes() for p in (course.root / "submitted").glob("*/09_tiny/09_tiny.ipynb")}


def statuses(arrivals):
    return [a.status for a in arrivals]


# --- zips that no program makes ---


def member(name, data=b"", **lies):
    """A member for `raw_zip`. `lies` change its headers: flags, method, crc, size (unpacked), packed_size, mode (of
    the file), version, extra (in the list of members), inside (as it lies in the archive), offset, shift, local_name.
    """
    name = name if isinstance(name, bytes) else name.encode()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    inside = squeeze.compress(data) + squeeze.flush()
    honest = {"flags": 0x800, "method": 8, "crc": zlib.crc32(data), "size": len(data), "packed_size": len(inside)}
    honest |= {
        "mode": 0o100644,
        "version": 20,
        "extra": b"",
        "inside": inside,
        "offset": None,
        "shift": 0,
        "local_name": name,
    }
    return {"name": name, **honest, **lies}


def local_header(m):
    sizes = m["crc"], min(m["packed_size"], 0xFFFFFFFF), min(m["size"], 0xFFFFFFFF)
    return (
        struct.pack(LOCAL, b"PK\3\4", 20, m["flags"], m["method"], 0, 0x5921, *sizes, len(m["local_name"]), 0)
        + m["local_name"]
    )


def raw_zip(path, *members):
    """A zip of `member`s, headers as they are told."""
    body, directory = b"", b""
    for m in members:
        place = len(body) + m["shift"] if m["offset"] is None else m["offset"]
        if m["offset"] is None:
            body += local_header(m) + m["inside"]
        sizes = m["crc"], min(m["packed_size"], 0xFFFFFFFF), min(m["size"], 0xFFFFFFFF)
        directory += (
            struct.pack(
                *(CENTRAL, b"PK\1\2", 0x314, m["version"], m["flags"], m["method"], 0, 0x5921, *sizes),
                *(len(m["name"]), len(m["extra"]), 0, 0, 0, m["mode"] << 16, place),
            )
            + m["name"]
            + m["extra"]
        )
    end = struct.pack(END, b"PK\5\6", 0, 0, len(members) % 65536, len(members) % 65536, len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def fifield(n, size):
    """Members of D. Fifield's quoted overlap: each holds all that follow, so n times `size` come out of one kernel."""
    kernel = member(f"bomb{n}_1_{n}_x.ipynb", b" " * size)
    chain, plain = [kernel], b" " * size
    for k in range(n - 1, 0, -1):
        following = chain[0]
        quoted = local_header(following)
        plain = quoted + plain
        data = b"\0" + struct.pack("<HH", len(quoted), len(quoted) ^ 0xFFFF) + quoted + following["inside"]
        chain.insert(0, member(f"bomb{k}_1_{k}_x.ipynb", b"", inside=data, crc=zlib.crc32(plain), size=len(plain)))
        chain[0]["packed_size"] = len(data)
    place = 0
    for m in chain:
        m["at"] = place
        place += len(local_header(m)) + 5
    first, *others = chain
    return [first, *({**m, "offset": m["at"]} for m in others)]
