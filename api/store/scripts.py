"""What Redis runs as a whole: Lua, each with its keys and arguments.

All that can fail by what is stored (a number that is taken, a key of another type) comes before the first change or
changes nothing that is seen, since Redis does not take back what a script did before it failed.
"""

from __future__ import annotations

from api.store.connection import Script

__all__ = ["ACCEPT_REPORTS", "APPEND", "CLAIM_KEY", "RELEASE", "SETTLE_KEY"]

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

ACCEPT_REPORTS = Script(
    """
-- KEYS: reports, numbers accepted by junction, last status by junction.  ARGV: junction, then (number, kind, body)
-- of each report, numbers rising.  Gives the last number accepted, how many are new, and how many numbers are missing.
local before = redis.call('HGET', KEYS[2], ARGV[1])
local last, until_number = tonumber(before or '0'), before or '0'
local new, missing, status = 0, 0, nil
for i = 2, #ARGV, 3 do
  local number = tonumber(ARGV[i])
  if number > last then
    if last > 0 then missing = missing + number - last - 1 end
    redis.call('XADD', KEYS[1], '*', 'body', ARGV[i + 2])
    if ARGV[i + 1] == 'status' then status = ARGV[i + 2] end
    new, last, until_number = new + 1, number, ARGV[i]
  end
end
if new > 0 then redis.call('HSET', KEYS[2], ARGV[1], until_number) end
if status then redis.call('HSET', KEYS[3], ARGV[1], status) end
return {until_number, new, string.format('%.0f', missing)}
"""
)

CLAIM_KEY = Script(
    """
-- KEYS: the key.  ARGV: hash of the request, token, now, end of the lease, time that the key is kept (all ms).
-- Gives 'claimed', 'other' (the key was used for another request), 'busy' and the end of the lease, or 'done' and the answer.
local request, token, lease, answer = unpack(redis.call('HMGET', KEYS[1], 'request', 'token', 'lease', 'answer'))
if request and request ~= ARGV[1] then return {'other'} end
if answer then return {'done', answer} end
if request and token ~= ARGV[2] and tonumber(lease) > tonumber(ARGV[3]) then return {'busy', lease} end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'token', ARGV[2], 'lease', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {'claimed'}
"""
)

SETTLE_KEY = Script(
    """
-- KEYS: the key.  ARGV: token, answer, time that the answer is kept (ms).  Gives whether the key was still claimed by the token.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
)

RELEASE = Script(
    """
-- KEYS: a lock, a string or a hash with the member 'token'.  ARGV: token.  Gives whether it was held by the token.
local kind = redis.call('TYPE', KEYS[1])['ok']
local token
if kind == 'hash' then token = redis.call('HGET', KEYS[1], 'token') else token = redis.call('GET', KEYS[1]) end
if token ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
)
