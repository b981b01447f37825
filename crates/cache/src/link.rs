//! A connection, and what is asked over it: scripts, each of which happens at one moment.
//!
//! A person's key is a hash: of a value (`e` the epoch that it is of, `s` its stamp, `v` itself), of a ticket (the same
//! without `v`), or of one field for each writer who is about to change the person (no `e` and no `s`: closed). All keys
//! of a script are of one part, so they are on one server, also in a cluster.

use redis::{
    FromRedisValue, RedisResult, Script, ScriptInvocation, aio::MultiplexedConnection,
    cluster_async::ClusterConnection,
};

/// The value under this key, or a ticket for it. Nothing while there is no epoch; `0` while the key is closed; `1` where
/// the value is the one of this stamp; a stamp where there is no value; a stamp and a value.
const LOOK: &str = "
local epoch = redis.call('GET', KEYS[1])
if not epoch then return false end
local kept = redis.call('HMGET', KEYS[2], 'e', 's', 'v')
if kept[1] == epoch then
    if not kept[3] then return {kept[2]} end
    if kept[2] == ARGV[1] then return 1 end
    return {kept[2], kept[3]}
end
if not kept[1] and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'e', epoch, 's', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {ARGV[2]}";

/// Puts the value in the place of the ticket of this stamp, if it still holds.
const FILL: &str = "
local kept = redis.call('HMGET', KEYS[2], 'e', 's')
if not kept[1] or kept[1] ~= redis.call('GET', KEYS[1]) or kept[2] ~= ARGV[1] then return 0 end
if redis.call('HSETNX', KEYS[2], 'v', ARGV[2]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return 1";

/// Closes keys for this writer: no value, no ticket.
const CLOSE: &str = "
for _, key in ipairs(KEYS) do
    redis.call('HDEL', key, 'e', 's', 'v')
    redis.call('HSET', key, ARGV[1], '')
    redis.call('PEXPIRE', key, ARGV[2])
end
return #KEYS";

/// Opens keys again for this writer, and forgets what came in meanwhile. Says how many he had closed.
const OPEN: &str = "
local closed = 0
for _, key in ipairs(KEYS) do
    closed = closed + redis.call('HDEL', key, ARGV[1])
    redis.call('HDEL', key, 'e', 's', 'v')
end
return closed";

/// Keeps the epoch; one that has ended is succeeded by this one.
const BEAT: &str = "
if redis.call('PEXPIRE', KEYS[1], ARGV[2]) == 0 then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1";

/// Begins this epoch.
const BEGIN: &str = "
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// The scripts, and their hashes.
pub(crate) struct Scripts {
    pub(crate) look: Script,
    pub(crate) fill: Script,
    pub(crate) close: Script,
    pub(crate) open: Script,
    pub(crate) beat: Script,
    pub(crate) begin: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        let [look, fill, close, open, beat, begin] = [LOOK, FILL, CLOSE, OPEN, BEAT, BEGIN].map(Script::new);
        Self { look, fill, close, open, beat, begin }
    }
}

/// A connection that many use at once.
#[derive(Clone)]
pub(crate) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(crate) async fn call<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> RedisResult<T> {
        match self.clone() {
            Self::One(mut link) => call.invoke_async(&mut link).await,
            Self::Cluster(mut link) => call.invoke_async(&mut link).await,
        }
    }
}
