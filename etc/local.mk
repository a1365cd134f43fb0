# What a machine needs beside the programs, so that nothing of the checkout is missed after "make install". Files name the
# places of --prefix=/usr/local --sysconfdir=/etc; those of this build take their place.
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
IN_PLACE = $(SED) -e 's|/usr/local/bin|$(bindir)|g' -e 's|/etc/todo-fcgi|$(sysconfdir)/todo-fcgi|g' -e 's|/etc/nginx/|$(sysconfdir)/nginx/|g'

UNITS = etc/systemd/todo-fcgi.service etc/systemd/todo-fcgi.socket
# Folders of etc/ that an operator takes files from.
SHARED = grafana logrotate prometheus varnish
# An operator's own: made where there is none, removed only as it was made. Its name in the tree, and in sysconfdir.
SETTINGS = etc/todo.conf.minimal:todo-fcgi/todo.conf etc/nginx.env:todo-fcgi/nginx.env etc/nginx/todo-fcgi.conf:nginx/conf.d/todo-fcgi.conf \
	etc/redis/redis-todo.conf:redis/redis-todo.conf

install-etc:
	$(MKDIR_P) "$(DESTDIR)$(unitdir)" "$(DESTDIR)$(sysusersdir)" "$(DESTDIR)$(sbindir)" "$(DESTDIR)$(docdir)" \
		"$(DESTDIR)$(pkgdatadir)/nginx"
	for file in $(UNITS); do $(IN_PLACE) "$(srcdir)/$$file" >"$(DESTDIR)$(unitdir)/$${file##*/}" || exit 1; done
	$(INSTALL_DATA) "$(srcdir)/etc/sysusers/todo-fcgi.conf" "$(DESTDIR)$(sysusersdir)"
	for folder in $(SHARED); do \
		$(MKDIR_P) "$(DESTDIR)$(pkgdatadir)/$$folder" && \
			$(INSTALL_DATA) $(srcdir)/etc/$$folder/* "$(DESTDIR)$(pkgdatadir)/$$folder" || exit 1; \
	done
	$(INSTALL_DATA) $(srcdir)/etc/todo.conf "$(DESTDIR)$(pkgdatadir)"
	$(INSTALL_DATA) $(srcdir)/nginx/fastcgi_params $(srcdir)/nginx/*.conf $(srcdir)/nginx/*.in "$(DESTDIR)$(pkgdatadir)/nginx"
	$(IN_PLACE) $(srcdir)/nginx/todo-nginx >"$(DESTDIR)$(pkgdatadir)/nginx/todo-nginx"
	chmod 755 "$(DESTDIR)$(pkgdatadir)/nginx/todo-nginx"
	ln -sf "$(pkgdatadir)/nginx/todo-nginx" "$(DESTDIR)$(sbindir)/todo-nginx"
	$(INSTALL_DATA) $(srcdir)/README.md $(srcdir)/NEWS.md $(srcdir)/doc/*.md "$(DESTDIR)$(docdir)"
	for pair in $(SETTINGS); do \
		place="$(DESTDIR)$(sysconfdir)/$${pair#*:}"; \
		$(MKDIR_P) "$${place%/*}" && \
			{ test -e "$$place" || { $(IN_PLACE) "$(srcdir)/$${pair%:*}" >"$$place" && chmod 644 "$$place"; }; } || exit 1; \
	done

uninstall-etc:
	for file in $(UNITS); do rm -f "$(DESTDIR)$(unitdir)/$${file##*/}"; done
	rm -f "$(DESTDIR)$(sysusersdir)/todo-fcgi.conf" "$(DESTDIR)$(sbindir)/todo-nginx"
	rm -rf "$(DESTDIR)$(pkgdatadir)" "$(DESTDIR)$(docdir)"
	for pair in $(SETTINGS); do \
		place="$(DESTDIR)$(sysconfdir)/$${pair#*:}"; \
		if $(IN_PLACE) "$(srcdir)/$${pair%:*}" | cmp -s - "$$place"; then rm -f "$$place"; fi; \
	done
