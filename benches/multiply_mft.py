#!/usr/bin/env python3
"""Makes a large loose $MFT of a real one: copies follow one another, and references in each lead to its own
records. The root directory is that of the first.

usage: multiply_mft.py MFT COPIES OUT
"""
import struct
import sys

FILE_NAME, ATTRIBUTE_LIST, END = 0x30, 0x20, 0xFFFFFFFF
ROOT = 5


def unfix(record):
    offset, count = struct.unpack_from("<HH", record, 4)
    for index in range(1, count):
        record[index * 512 - 2:index * 512] = record[offset + index * 2:offset + index * 2 + 2]


def fix(record):
    offset, count = struct.unpack_from("<HH", record, 4)
    for index in range(1, count):
        record[offset + index * 2:offset + index * 2 + 2] = record[index * 512 - 2:index * 512]
        record[index * 512 - 2:index * 512] = record[offset:offset + 2]


def shift(record, at, by):
    reference, = struct.unpack_from("<Q", record, at)
    if reference & 0xFFFFFFFFFFFF != ROOT:
        struct.pack_into("<Q", record, at, reference + by)


def move(record, number, by):
    if record[:4] != b"FILE":
        return
    unfix(record)
    if struct.unpack_from("<H", record, 4)[0] >= 48:
        struct.pack_into("<I", record, 44, number)
    if struct.unpack_from("<Q", record, 32)[0]:
        shift(record, 32, by)
    at, used = struct.unpack_from("<H", record, 20)[0], struct.unpack_from("<I", record, 24)[0]
    while at + 24 <= min(used, len(record)):
        kind, length = struct.unpack_from("<II", record, at)
        if kind == END or length < 24 or at + length > len(record):
            break
        if record[at + 8] == 0:
            size, offset = struct.unpack_from("<IH", record, at + 16)
            if kind == FILE_NAME and size >= 66:
                shift(record, at + offset, by)
            entry = at + offset
            while kind == ATTRIBUTE_LIST and entry + 26 <= at + offset + size:
                shift(record, entry + 16, by)
                entry += max(struct.unpack_from("<H", record, entry + 4)[0], 26)
        at += length
    fix(record)


def main():
    path, copies, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    table = open(path, "rb").read()
    size, = struct.unpack_from("<I", table, 28)
    count = len(table) // size
    with open(out, "wb") as target:
        target.write(table[:count * size])
        for copy in range(1, copies):
            part = bytearray(table[:count * size])
            for index in range(count):
                record = part[index * size:(index + 1) * size]
                move(record, copy * count + index, copy * count)
                part[index * size:(index + 1) * size] = record
            target.write(part)


main()
