mod credentials;
mod storage;
