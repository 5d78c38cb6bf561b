"""Documents: found by their digest, checked, and kept in memory only as long as there is room."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from api.store import Documents, RedisServer, StoreDamaged
from tests.api.store.toy import WHO, count, on_redis
from traffic.errors import InputError

KEY = "jasyl:documents"


def name_of(content):
    return hashlib.sha256(content).hexdigest()


def with_documents(binary, folder, test, files=None, **more):
    async def run():
        async with RedisServer(folder, binary=binary) as server:
            store = server.store()
            await test(Documents(store, folder=files, **more), store)
            await store.close()

    asyncio.run(run())


def test_a_document_is_found_by_its_digest(binary, tmp_path):
    async def test(documents, store):
        for content in (b"", b"plan", bytes(range(256)) * 1000):
            assert await documents.put(content) == name_of(content)
            assert await Documents(store).get(name_of(content)) == content
        assert await documents.put(b"plan") == name_of(b"plan")
        assert await documents.verify() == 3

    with_documents(binary, tmp_path, test)


@pytest.mark.parametrize("name", ["", "plan", "A" * 64, "a" * 63, "a" * 64])
def test_an_unknown_digest_is_refused(binary, tmp_path, name):
    async def test(documents, _store):
        with pytest.raises(InputError, match="must be") as error:
            await documents.get(name)
        assert (error.value.field, error.value.value) == ("digest", name)
        assert not isinstance(error.value, StoreDamaged)

    with_documents(binary, tmp_path, test)


def test_a_changed_document_is_not_given_out(binary, tmp_path):
    async def test(documents, store):
        await store.call("HSET", KEY, name_of(b"plan"), b"another plan")
        with pytest.raises(StoreDamaged, match="must have the SHA-256 that it is stored under") as error:
            await documents.get(name_of(b"plan"))
        assert name_of(b"plan") in str(error.value)
        with pytest.raises(StoreDamaged):
            await documents.verify()

    with_documents(binary, tmp_path, test)


def test_old_documents_move_into_files_and_are_found_there(binary, tmp_path):
    async def test(documents, store):
        contents = [b"", b"plan", bytes(range(256)) * 1000]
        names = [await documents.put(content) for content in contents]
        absent = "a" * 64
        assert await documents.move_out([*names[:2], absent]) == 2
        assert await documents.move_out(names[:2]) == 0
        assert await documents.move_out([]) == 0
        assert await store.call("HKEYS", KEY) == [names[2].encode()]
        fresh = Documents(store, folder=tmp_path / "files")
        assert [await fresh.get(name) for name in names] == contents
        with pytest.raises(InputError, match="must be the digest of a document that is stored"):
            await fresh.get(absent)
        assert len(list((tmp_path / "files").glob("*/*"))) == 2
        (tmp_path / "files" / names[1][:2] / names[1]).write_bytes(b"another plan")
        with pytest.raises(StoreDamaged, match="must have the SHA-256 that it is stored under"):
            await Documents(store, folder=tmp_path / "files").get(names[1])

    with_documents(binary, tmp_path / "redis", test, files=tmp_path / "files")


def test_a_document_stays_in_redis_when_it_is_damaged_or_the_disk_refuses(binary, tmp_path):
    async def test(documents, store):
        whole = await documents.put(b"plan")
        await store.call("HSET", KEY, name_of(b"other"), b"damaged")
        with pytest.raises(StoreDamaged):
            await documents.move_out([whole, name_of(b"other")])
        (tmp_path / "files").write_text("not a folder", encoding="utf-8")
        with pytest.raises(OSError, match="files"):
            await documents.move_out([whole])
        assert await store.call("HLEN", KEY) == 2
        with pytest.raises(InputError, match="folder of documents"):
            await Documents(store).move_out([whole])

    with_documents(binary, tmp_path / "redis", test, files=tmp_path / "files")


def test_a_document_that_is_there_is_not_written_over(binary, tmp_path):
    async def test(_server, ledger):
        store = ledger._log._redis
        await store.call("HSET", KEY, name_of(b"plan"), b"damaged")
        await ledger.commit(count("plan"), documents=[b"plan"], **WHO)
        assert (
            await store.call("HGET", KEY, name_of(b"plan")) == b"damaged"
        )  # for verify to find, and to restore

    on_redis(binary, tmp_path, test)


def test_those_used_last_are_kept_in_memory(binary, tmp_path):
    async def test(documents, store):
        contents = [bytes([number]) * 100 for number in range(4)]
        names = [await documents.put(content) for content in contents]
        assert list(documents._memory) == names[1:]
        await documents.get(names[1])
        await documents.get(names[0])
        assert list(documents._memory) == [names[3], names[1], names[0]]
        await documents.put(b"x" * 301)
        assert sum(map(len, documents._memory.values())) == 300
        await store.call("DEL", KEY)
        assert await documents.get(names[0]) == contents[0]
        with pytest.raises(InputError):
            await documents.get(names[2])

    with_documents(binary, tmp_path, test, memory_bytes=300)


def test_too_large_a_document_is_refused(binary, tmp_path, monkeypatch):
    monkeypatch.setattr("api.store.batch._MAX_DOCUMENT", 1000)

    async def test(_server, ledger):
        with pytest.raises(InputError, match="must be at most 1000 bytes") as error:
            await ledger.commit(count("plan"), documents=[b"x" * 1001], **WHO)
        assert error.value.field == "document"
        assert ledger.seq == 0
        await ledger.commit(count("plan"), documents=[b"x" * 1000], **WHO)

    on_redis(binary, tmp_path, test)
