use super::{Metrics, number};

impl Metrics {
    /// Reads the memory, processor time, descriptors and threads of this process. What the system does
    /// not tell stays 0; only Linux tells anything.
    pub(super) fn read_process(&self) {
        #[cfg(target_os = "linux")]
        self.read_proc();
    }

    #[cfg(target_os = "linux")]
    fn read_proc(&self) {
        use std::sync::atomic::Ordering;

        use procfs::WithCurrentSystemInfo;
        use procfs::process::{LimitValue, Process};

        let Ok(process) = Process::myself() else {
            return;
        };
        let all = &self.instruments;
        if let Ok(stat) = process.stat() {
            let ticks = procfs::ticks_per_second();
            #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
            let used = (stat.utime + stat.stime) as f64 / ticks as f64;
            all.cpu.inner().store(used.to_bits(), Ordering::Relaxed);
            all.resident_memory.set(stat.rss_bytes().get());
            all.virtual_memory.set(stat.vsize);
            all.threads
                .set(stat.num_threads.try_into().unwrap_or_default());
            let booted = procfs::boot_time_secs().unwrap_or_default();
            all.start_time.set(booted + stat.starttime / ticks);
        }
        all.open_fds
            .set(number(process.fd_count().unwrap_or_default()));
        if let Ok(limits) = process.limits()
            && let LimitValue::Value(limit) = limits.max_open_files.soft_limit
        {
            all.max_fds.set(limit);
        }
    }

    /// Reads how busy this runtime is.
    pub fn runtime(&self, runtime: &tokio::runtime::RuntimeMetrics) {
        let all = &self.instruments;
        all.runtime_tasks.set(number(runtime.num_alive_tasks()));
        all.runtime_queued.set(number(runtime.global_queue_depth()));
        all.runtime_workers.set(number(runtime.num_workers()));
    }
}
