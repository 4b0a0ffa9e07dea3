mod credentials;
mod sessions;
mod storage;
