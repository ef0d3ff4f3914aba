package dev

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Files of the page.
var (
	//go:embed page.html
	pageHTML []byte
	//go:embed page.js
	pageJS []byte
	//go:embed overlay.js
	overlayJS []byte
)

// own is the path below which the page and the overlay have what they need. No API has such a
// stage.
const own = "/.gatesock/"

// status is what the page shows.
type status struct {
	Name      string    `json:"name"`
	Addresses []Address `json:"addresses"`
	Try       string    `json:"try,omitempty"`
	// Workbench is set if there is one. Its token is not here: every program that reaches the port
	// may read this, those of another user of the machine too.
	Workbench bool   `json:"workbench,omitempty"`
	Seed      string `json:"seed,omitempty"`
	// State is "building", "ready" or "failed".
	State    string    `json:"state"`
	Title    string    `json:"title,omitempty"`
	Problems []problem `json:"problems,omitempty"`
	Output   string    `json:"output,omitempty"`
	// GoesOn is set if the last build that worked is still in place.
	GoesOn bool `json:"goesOn,omitempty"`
	// Reloads counts the builds that took the place of another one.
	Reloads int `json:"reloads"`
	// Pages counts the changes of pages.
	Pages int `json:"pages"`
}

// page serves the status of the application, and the user's pages if there are any.
type page struct {
	pages http.Handler // of the user, or nil

	mu      sync.Mutex
	status  status
	changed chan struct{} // closed at the next change
	closed  chan struct{}
}

// newPage returns a page. Pages is a folder or an address, or empty.
func newPage(pages, folder string) (*page, error) {
	p := &page{changed: make(chan struct{}), closed: make(chan struct{}), status: status{State: "building"}}
	if pages == "" {
		return p, nil
	}
	if u, err := url.Parse(pages); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		p.pages = p.proxy(u)
		return p, nil
	}
	if !filepath.IsAbs(pages) {
		pages = filepath.Join(folder, pages)
	}
	if info, err := os.Stat(pages); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("--pages: there is no folder %s: name a folder, or an address such as http://localhost:5173", pages)
	}
	files := http.FileServer(http.Dir(pages))
	p.pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		injecting := &injector{ResponseWriter: w}
		r.Header.Del("Range") // of a page that is changed on its way
		r.Header.Del("If-None-Match")
		r.Header.Del("If-Modified-Since")
		files.ServeHTTP(injecting, r)
		injecting.finish()
	})
	return p, nil
}

// update changes the status, for those who look at it too.
func (p *page) update(change func(*status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
	close(p.changed)
	p.changed = make(chan struct{})
}

// fail shows why something does not run.
func (p *page) fail(folder string, t trouble, goesOn bool) {
	problems := make([]problem, len(t.problems))
	for i, one := range t.problems {
		one.File = shorter(folder, one.File)
		problems[i] = one
	}
	p.update(func(s *status) {
		s.State, s.Title, s.Problems, s.Output, s.GoesOn = "failed", t.title, problems, t.output, goesOn
	})
}

// run shows that the application runs.
func (p *page) run() {
	p.update(func(s *status) { s.State, s.Title, s.Problems, s.Output, s.GoesOn = "ready", "", nil, "", false })
}

// close ends the streams of those who look at the status.
func (p *page) close() { close(p.closed) }

// current returns the status, and what is closed when there is another one.
func (p *page) current() (status, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status, p.changed
}

// ServeHTTP serves the page, or those of the user.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == own+"overlay.js":
		serveScript(w, overlayJS)
	case r.URL.Path == own+"page.js":
		serveScript(w, pageJS)
	case r.URL.Path == own+"status":
		p.stream(w, r)
	case p.pages != nil:
		p.pages.ServeHTTP(w, r)
	case r.URL.Path == "/":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(pageHTML)
	default:
		http.NotFound(w, r)
	}
}

func serveScript(w http.ResponseWriter, script []byte) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(script)
}

// stream sends the status, and each one that follows, as server-sent events.
func (p *page) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	for {
		now, changed := p.current()
		text, err := json.Marshal(now)
		if err == nil {
			_, err = fmt.Fprintf(w, "data: %s\n\n", text)
		}
		if err == nil {
			err = flush.Flush()
		}
		if err != nil {
			return
		}
		select {
		case <-changed:
		case <-p.closed:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// proxy returns a handler that leads to a development server.
func (p *page) proxy(to *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			r.Out.Header.Del("Accept-Encoding") // pages are changed on their way
		},
		ModifyResponse: inject,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprintf(w, "gatesock dev: there is no answer from %s (--pages): %v\n", to, err)
		},
	}
}

const overlayTag = `<script src="` + own + `overlay.js" defer></script>`

// withOverlay returns a page that loads the overlay.
func withOverlay(html []byte) []byte {
	lower := bytes.ToLower(html)
	for _, tag := range []string{"</head>", "</body>"} {
		if at := bytes.Index(lower, []byte(tag)); at >= 0 {
			return bytes.Join([][]byte{html[:at], []byte(overlayTag), html[at:]}, nil)
		}
	}
	return append(bytes.Clone(html), overlayTag...)
}

func isHTML(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/html") && h.Get("Content-Encoding") == ""
}

// longestPage bounds a page that is changed on its way, in bytes.
const longestPage = 8 << 20

// inject adds the overlay to a page.
func inject(r *http.Response) error {
	if !isHTML(r.Header) || r.StatusCode == http.StatusNotModified || r.Request.Method == http.MethodHead {
		return nil
	}
	html, err := io.ReadAll(io.LimitReader(r.Body, longestPage))
	if err != nil {
		return err
	}
	rest := r.Body
	if len(html) == longestPage {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(html), rest), rest}
		return nil
	}
	_ = rest.Close()
	html = withOverlay(html)
	r.Body = io.NopCloser(bytes.NewReader(html))
	r.ContentLength = int64(len(html))
	r.Header.Set("Content-Length", strconv.Itoa(len(html)))
	r.Header.Del("Etag")
	return nil
}

// injector adds the overlay to a page that a handler writes.
type injector struct {
	http.ResponseWriter
	status int
	html   *bytes.Buffer // not nil if it is a page
}

// WriteHeader waits with the header of a page until its length is known.
func (i *injector) WriteHeader(status int) {
	if i.status != 0 {
		return
	}
	i.status = status
	if isHTML(i.Header()) && status != http.StatusNotModified {
		i.html = new(bytes.Buffer)
		i.Header().Del("Content-Length")
		i.Header().Del("Last-Modified")
		return
	}
	i.ResponseWriter.WriteHeader(status)
}

func (i *injector) Write(data []byte) (int, error) {
	if i.status == 0 {
		i.WriteHeader(http.StatusOK)
	}
	if i.html != nil {
		return i.html.Write(data)
	}
	return i.ResponseWriter.Write(data)
}

// finish sends a page.
func (i *injector) finish() {
	if i.html == nil {
		return
	}
	i.ResponseWriter.WriteHeader(i.status)
	_, _ = i.ResponseWriter.Write(withOverlay(i.html.Bytes()))
}
