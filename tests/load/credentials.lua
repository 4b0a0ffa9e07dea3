-- POST /v1/credentials, with the next of TOKENS tokens in each request.
dofile(os.getenv("LUA_REPORT"))

local tokens, next = tonumber(os.getenv("TOKENS")), 0

request = function()
    next = next % tokens + 1
    return wrk.format("POST", "/v1/credentials", { Authorization = "Bearer token-" .. next })
end
