"""Sends the requests of test/real/clients.test.ts with LIBRARY; writes one line for each answer: case, status, body.

client.py LIBRARY URL FOLDER
"""

import asyncio
import pathlib
import sys

library, url, folder = sys.argv[1:]
ONE = pathlib.Path(folder, "one.json").read_bytes()
BATCH = pathlib.Path(folder, "batch.json").read_bytes()
HEADERS = {"Content-Type": "application/json"}


def pieces(body):
    for at in range(0, len(body), 60_000):
        yield body[at : at + 60_000]


async def async_pieces(body):
    for piece in pieces(body):
        yield piece


# Case, path, body and whether it is sent in chunks, without its length.
REQUESTS = [
    *[("one", "/score", ONE, False)] * 20,
    ("one", "/score", ONE, True),
    ("batch", "/score_batch", BATCH, False),
    ("batch", "/score_batch", BATCH, True),
]


def report(case, status, body):
    sys.stdout.write(f"{case}\t{status}\t{body.decode()}\n")


def with_requests():
    import requests

    with requests.Session() as session:
        for case, path, body, chunked in REQUESTS:
            answer = session.post(url + path, data=pieces(body) if chunked else body, headers=HEADERS, timeout=30)
            report(case, answer.status_code, answer.content)


def with_httpx():
    import httpx

    with httpx.Client(timeout=30) as client:
        for case, path, body, chunked in REQUESTS:
            answer = client.post(url + path, content=pieces(body) if chunked else body, headers=HEADERS)
            report(case, answer.status_code, answer.content)


async def with_aiohttp():
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def send(case, path, body, chunked, **options):
            data = async_pieces(body) if chunked else body
            async with session.post(url + path, data=data, headers=HEADERS, **options) as answer:
                report(case, answer.status, await answer.read())

        for request in REQUESTS:
            await send(*request)
        await send("one", "/score", ONE, False, expect100=True)
        await send("batch", "/score_batch", BATCH, False, compress="deflate")
        await asyncio.gather(*(send(*request) for request in REQUESTS[:20]))


if library == "requests":
    with_requests()
elif library == "httpx":
    with_httpx()
else:
    asyncio.run(with_aiohttp())
