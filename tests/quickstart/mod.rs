//! uWSGI's quickstart, one file a row of what it promises. `as_the_quickstart_says` in each is the row itself, proved on
//! uWSGI and on rsgi (`RSGI_UNDER_TEST` leaves one of them); the tests beside it go on from there.

mod django;
mod row_01_version;
mod row_02_plugins;
mod row_03_foobar;
mod row_04_http;
mod row_05_processes_and_threads;
mod row_06_stats;
mod row_07_nginx;
mod row_08_http_socket;
mod row_09_django;
mod row_10_django_ini;
mod row_11_old_django;
mod row_12_old_django_ini;
mod row_13_flask;
mod row_14_web2py;
mod row_15_https;
mod row_16_enable_threads;
mod row_17_virtualenv;
mod row_18_rights;
mod row_19_shared_socket;
mod row_20_harakiri;
mod row_21_running_requests;
mod row_22_offload;
mod row_23_nolang;
mod row_24_build_plugin;
mod row_25_plugins_dir;
mod row_26_plugin_in_cwd;
mod row_27_emperor;
mod row_28_ctrl_c;
