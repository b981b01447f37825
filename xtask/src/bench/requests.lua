-- Sends random requests of a course. wrk gives the words behind the address: the course's folder, the seed.

local requests = {}

local function read(name)
   return assert(io.open(name)):read("*a")
end

function init(args)
   math.randomseed(tonumber(args[2]))
   local headers = { Host = wrk.headers["Host"] }
   for name, value in read(args[1] .. "/headers"):gmatch("([^\n:]+): ([^\n]+)") do
      headers[name] = value
   end
   local body = read(args[1] .. "/body")
   if body == "" then body = nil end
   for method, path in read(args[1] .. "/paths"):gmatch("(%u+) ([^\n]+)") do
      requests[#requests + 1] = wrk.format(method, path, headers, body)
   end
end

function request()
   return requests[math.random(#requests)]
end

-- One line for the program that started wrk; times are in microseconds.
function done(summary, latency)
   local failed = summary.errors
   io.write(string.format(
      '\nxtask-bench {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
