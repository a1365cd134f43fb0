# The page under content-hashed names, compressed; assets.py tells how. "make" publishes it into static/ of the build
# folder, from which one can serve it; "make install" publishes it anew into its place, so that the files of the release
# before stay there.
PYTHON3 = python3
PAGE_FILES = \
	nginx/static/index.html \
	nginx/static/assets/api.js \
	nginx/static/assets/badge.js \
	nginx/static/assets/bulk.js \
	nginx/static/assets/care.js \
	nginx/static/assets/change.js \
	nginx/static/assets/chart.js \
	nginx/static/assets/choices.js \
	nginx/static/assets/conflict.js \
	nginx/static/assets/docs.css \
	nginx/static/assets/docs.js \
	nginx/static/assets/drafts.js \
	nginx/static/assets/editor.js \
	nginx/static/assets/exchange.js \
	nginx/static/assets/fields.js \
	nginx/static/assets/gone.js \
	nginx/static/assets/icon.svg \
	nginx/static/assets/icons.svg \
	nginx/static/assets/list.css \
	nginx/static/assets/keys.js \
	nginx/static/assets/list.js \
	nginx/static/assets/live.js \
	nginx/static/assets/main.js \
	nginx/static/assets/meter.css \
	nginx/static/assets/meter.js \
	nginx/static/assets/more.js \
	nginx/static/assets/notice.js \
	nginx/static/assets/place.js \
	nginx/static/assets/queue.js \
	nginx/static/assets/race.js \
	nginx/static/assets/row.js \
	nginx/static/assets/rows.js \
	nginx/static/assets/service.js \
	nginx/static/assets/style.css \
	nginx/static/assets/tick.svg \
	nginx/static/assets/todos.webmanifest \
	nginx/static/assets/token.js \
	nginx/static/assets/trace.js \
	nginx/static/assets/view.js \
	nginx/static/assets/watch.js

EXTRA_DIST += tests/assets tests/browser
# What nginx serves beside the page: the API's description, what its problems mean (texts.py), and the API as a page (docs.py).
TEXT_FILES = data/openapi.yaml doc/problems.md

noinst_DATA = static/.published
static/.published: $(PAGE_FILES) $(TEXT_FILES) nginx/assets.py nginx/texts.py nginx/docs.py
	$(AM_V_GEN)$(PYTHON3) $(srcdir)/nginx/assets.py $(srcdir)/nginx/static static && \
		$(PYTHON3) $(srcdir)/nginx/texts.py $(TEXT_FILES:%=$(srcdir)/%) static && \
		$(PYTHON3) $(srcdir)/nginx/docs.py $(srcdir)/data/openapi.yaml $(srcdir)/nginx/static static && touch $@

install-data-local: install-etc
	$(MKDIR_P) "$(DESTDIR)$(pkgdatadir)"
	$(PYTHON3) $(srcdir)/nginx/assets.py $(srcdir)/nginx/static "$(DESTDIR)$(pkgdatadir)/static"
	$(PYTHON3) $(srcdir)/nginx/texts.py $(TEXT_FILES:%=$(srcdir)/%) "$(DESTDIR)$(pkgdatadir)/static"
	$(PYTHON3) $(srcdir)/nginx/docs.py $(srcdir)/data/openapi.yaml $(srcdir)/nginx/static "$(DESTDIR)$(pkgdatadir)/static"

uninstall-local: uninstall-etc

clean-local:
	rm -rf static
