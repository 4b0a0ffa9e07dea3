-- Loaded by the scripts of this folder: prints the line that `run` reads.
done = function(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("RESULT %.1f %.3f %d\n",
        summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, failed))
end
