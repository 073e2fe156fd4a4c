# Two vassals of one emperor, one of them with lines of its own.
{
  services.rsgi = {
    enable = true;
    emperor.settings.emperor-stats = "/run/rsgi/emperor/stats.sock";
    vassals.blog = {
      settings.chdir = "/srv/blog";
      settings.module = "app:application";
      nginx.virtualHost = "blog.example.org";
    };
    vassals.wiki = {
      settings.chdir = "/srv/wiki";
      settings.module = "app:application";
      settings.env = [
        "WIKI_ROOT=/srv/wiki"
        "WIKI_THEME=plain"
      ];
      extraConfig = ''
        if-env = DEBUG
        py-autoreload = 1
        endif =
      '';
    };
  };
  services.nginx.group = "www-data";
}
