"""What Redis runs as a whole: Lua, each with its keys and arguments.

All that can fail by what is stored (a number that is taken, a key of another type) comes before the first change or
changes nothing that is seen, since Redis does not take back what a script did before it failed.
"""

from __future__ import annotations

from api.store.connection import Script

__all__ = ["APPEND"]

APPEND = Script(
    """
-- KEYS: ledger, documents, fence.  ARGV: id and hash of the last entry that the decisions were made on,
-- number of entries, (id, body, hash) of each, then (digest, bytes) of each document.
-- Gives 'written', 'fenced', or the id of the last entry where it is another one.
if redis.call('EXISTS', KEYS[3]) == 1 then return 'fenced' end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id, hash = '0-0', string.rep('0', 64)
if newest then
  id = newest[1]
  for i = 1, #newest[2], 2 do
    if newest[2][i] == 'hash' then hash = newest[2][i + 1] end
  end
end
if id ~= ARGV[1] or hash ~= ARGV[2] then return id end
local first_document = 4 + 3 * tonumber(ARGV[3])
for i = first_document, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = 4, first_document - 1, 3 do
  redis.call('XADD', KEYS[1], ARGV[i], 'body', ARGV[i + 1], 'hash', ARGV[i + 2])
end
return 'written'
"""
)
