-- Asks for random known people. wrk gives the words behind the address: file of CPFs, file with the token, seed.

local requests = {}

function init(args)
   math.randomseed(tonumber(args[3]))
   local token = assert(io.open(args[2])):read("*a")
   local headers = { Host = wrk.headers["Host"], Authorization = "Bearer " .. token }
   for cpf in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", "/dossie/" .. cpf, headers)
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
