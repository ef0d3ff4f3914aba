package workbench

import (
	"embed"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/guard"
)

//go:embed page
var pageFiles embed.FS

// routes returns the handler of everything below /_gatesock/.
func (b *Workbench) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(path, servePage)
	for pattern, serve := range map[string]endpoint{
		"GET state":                      b.getState,
		"GET entries":                    b.getEntries,
		"GET connections":                b.getConnections,
		"GET connections/{id}":           b.getConnection,
		"POST connections":               b.postConnection,
		"POST connections/{id}/messages": b.postMessage,
		"POST connections/{id}/post":     b.postPost,
		"POST connections/{id}/close":    b.postClose,
		"POST faults":                    b.postFault,
		"DELETE faults/{id}":             b.deleteFault,
		"DELETE faults":                  b.deleteFaults,
		"POST clock":                     b.postClock,
		"POST schedules/{id...}":         b.postSchedule,
		"POST queues/{name...}":          b.postQueue,
		"POST clear":                     b.postClear,
	} {
		method, name, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+path+"api/"+name, serve)
	}
	mux.HandleFunc("GET "+path+"api/stream", b.stream)
	mux.HandleFunc("GET "+path+"api/export/har", b.exportHAR)
	mux.HandleFunc("GET "+path+"api/export/test", b.exportTest)
	mux.HandleFunc(path+"api/", notFound(mux))
	return b.guarded(mux)
}

// notFound answers requests for what there is not.
func notFound(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != path+"api/" {
				w.Header().Set("Allow", method)
				writeError(w, failure(http.StatusMethodNotAllowed, "%s %s: use %s", r.Method, r.URL.Path, method))
				return
			}
		}
		writeError(w, failure(http.StatusNotFound, "The workbench has no %s; it has %sapi/state and others.", r.URL.Path, path))
	}
}

// guarded lets requests pass that the workbench serves.
func (b *Workbench) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard.Headers(w.Header())
		if refused := b.guard.Place(r); refused != nil {
			b.refuse(w, r, refused)
			return
		}
		if r.URL.Path+"/" == path {
			http.Redirect(w, r, path+query(r), http.StatusPermanentRedirect)
			return
		}
		if r.URL.Path == path && r.URL.Query().Has("token") {
			b.signIn(w, r)
			return
		}
		if b.guard.Sender(r) == guard.Nobody {
			b.refuse(w, r, &guard.Refusal{Status: http.StatusUnauthorized, Text: "The workbench needs its token:" +
				" the address with the token is printed by the program that serves this page."})
			return
		}
		if refused := checkContentType(r); refused != nil {
			writeError(w, refused)
			return
		}
		if !b.enter() {
			writeError(w, failure(http.StatusServiceUnavailable, "The workbench has been closed."))
			return
		}
		defer b.work.Done()
		next.ServeHTTP(w, r)
	})
}

func query(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return "?" + r.URL.RawQuery
}

// signIn exchanges the token in an address for a cookie, so that it does not stay in the address.
func (b *Workbench) signIn(w http.ResponseWriter, r *http.Request) {
	if !b.guard.IsToken(r.URL.Query().Get("token")) {
		b.refuse(w, r, &guard.Refusal{Status: http.StatusUnauthorized, Text: "This token is not that of the workbench," +
			" perhaps because the program was started again:" +
			" the address with the token is printed by the program that serves this page."})
		return
	}
	b.guard.SetCookie(w, r)
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// refuse answers a request that is not served, with a page for people and JSON for programs.
func (b *Workbench) refuse(w http.ResponseWriter, r *http.Request, why *guard.Refusal) {
	if strings.HasPrefix(r.URL.Path, path+"api/") || !wantsPage(r) {
		writeError(w, failure(why.Status, "%s", why.Text))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(why.Status)
	_, _ = w.Write([]byte("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">" +
		"<meta name=\"viewport\" content=\"width=device-width\"><title>gatesock workbench</title>\n" +
		"<h1>gatesock workbench</h1>\n<p>" + why.Text + "</p>\n</html>\n"))
}

// wantsPage reports whether a browser shows the answer to somebody.
func wantsPage(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" || strings.Contains(r.Header.Get("Accept"), "text/html")
}

// who returns who has sent a request, for entries.
func (b *Workbench) who(r *http.Request) string {
	if b.guard.Sender(r) == guard.Browser {
		return entry.ByPage
	}
	return entry.ByAPI
}

// servePage serves the files of the page.
func servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		writeError(w, failure(http.StatusMethodNotAllowed, "%s %s: use GET", r.Method, r.URL.Path))
		return
	}
	name := strings.TrimPrefix(r.URL.Path, path)
	if name == "" {
		name = "index.html"
	}
	data, err := fs.ReadFile(pageFiles, "page/"+name)
	contentType := contentTypeOf(name)
	if err != nil || contentType == "" {
		writeError(w, failure(http.StatusNotFound, "The workbench has no page %s.", r.URL.Path))
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(data)
}

// contentTypeOf returns the type of a file of the page, or "" for one that is not a part of it. The
// machine's own table may have another one for scripts, which browsers then refuse.
func contentTypeOf(name string) string {
	switch filepath.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return ""
}
