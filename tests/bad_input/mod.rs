//! Broken clients, broken applications, broken configurations: a clear answer, a line that says whose fault it was, and the
//! server goes on. uWSGI mostly closes in silence instead, so these tests are of rsgi alone.

mod applications;
mod clients;
mod http;
mod packets;
mod permissions;
mod startup;
