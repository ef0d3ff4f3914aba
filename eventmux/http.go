package eventmux

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// httpHandler answers events that are HTTP requests by an http.Handler.
type httpHandler struct{ next http.Handler }

// Invoke answers one request.
func (h httpHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var e httpEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("eventmux: the event of an HTTP request: %w", err)
	}
	r, err := e.request(context.WithValue(ctx, payloadKey{}, payload))
	if err != nil {
		return nil, fmt.Errorf("eventmux: the event of an HTTP request: %w", err)
	}
	w := &response{header: make(http.Header)}
	h.next.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK) // has no effect if the handler has set a status
	return e.encode(r.Method, w)
}

type payloadKey struct{}

// PayloadFrom returns the event of a request of [HTTP], for members that an http.Request does not
// have. It must not be changed. Outside such a request PayloadFrom returns nil.
func PayloadFrom(ctx context.Context) []byte {
	payload, _ := ctx.Value(payloadKey{}).([]byte)
	return payload
}

// httpEvent is the event of an HTTP request. AWS documents three forms: payload version 2.0 (HTTP
// APIs and function URLs), version 1.0 (REST APIs and HTTP APIs), and one for load balancers, which
// resembles version 1.0.
type httpEvent struct {
	RawPath        string   `json:"rawPath"`
	RawQueryString string   `json:"rawQueryString"`
	Cookies        []string `json:"cookies"`

	HTTPMethod      string              `json:"httpMethod"`
	Path            string              `json:"path"`
	MultiHeaders    map[string][]string `json:"multiValueHeaders"`
	Parameters      map[string]string   `json:"queryStringParameters"`
	MultiParameters map[string][]string `json:"multiValueQueryStringParameters"`

	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	IsBase64 bool              `json:"isBase64Encoded"`
	Context  struct {
		DomainName string    `json:"domainName"`
		Stage      string    `json:"stage"`
		HTTP       *http2    `json:"http"` // only version 2.0
		ELB        *struct{} `json:"elb"`  // only load balancers
		Identity   struct {
			SourceIP string `json:"sourceIp"`
		} `json:"identity"`
	} `json:"requestContext"`
}

// http2 has the members of version 2.0 for the request line and the client's address.
type http2 struct {
	Method   string `json:"method"`
	SourceIP string `json:"sourceIp"`
}

// request returns the request that the event describes.
func (e *httpEvent) request(ctx context.Context) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	method, ip := e.HTTPMethod, e.Context.Identity.SourceIP
	if v2 := e.Context.HTTP; v2 != nil {
		method, ip = v2.Method, v2.SourceIP
	}
	r, err := http.NewRequestWithContext(ctx, method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.URL = e.url()
	r.RequestURI = r.URL.RequestURI()
	r.Header = e.header()
	if r.Host = r.Header.Get("Host"); r.Host == "" {
		r.Host = e.Context.DomainName
	}
	r.Header.Del("Host") // as net/http does
	if ip == "" {
		ip = lastHop(r.Header)
	}
	if ip != "" {
		r.RemoteAddr = net.JoinHostPort(ip, "0")
	}
	return r, nil
}

// lastHop returns the client's address as the load balancer saw it.
func lastHop(h http.Header) string {
	hops := strings.Split(h.Get("X-Forwarded-For"), ",")
	return strings.TrimSpace(hops[len(hops)-1])
}

func (e *httpEvent) url() *url.URL {
	raw, query := e.Path, e.query()
	if e.Context.HTTP != nil {
		raw, query = e.withoutStage(), e.RawQueryString
	}
	if !strings.HasPrefix(raw, "/") {
		raw = "/" + raw
	}
	path, err := url.PathUnescape(raw)
	if err != nil {
		path = raw // not escaped
	}
	u := &url.URL{Path: path, RawQuery: query}
	if u.EscapedPath() != raw { // routers prefer RawPath, and take it as escaped
		u.RawPath = raw
	}
	if u.EscapedPath() != raw {
		u.RawPath = "" // raw is not a valid encoding of a path
	}
	return u
}

// withoutStage returns the path of version 2.0 without the stage. The path has the stage in it on
// the API's own domain, except for the stage $default.
func (e *httpEvent) withoutStage() string {
	rest, ok := strings.CutPrefix(e.RawPath, "/"+e.Context.Stage)
	if ok && (rest == "" || rest[0] == '/') && strings.Contains(e.Context.DomainName, ".execute-api.") {
		return rest
	}
	return e.RawPath
}

// query joins the parameters of version 1.0. A load balancer has already escaped them.
func (e *httpEvent) query() string {
	values := maps.Clone(url.Values(e.MultiParameters))
	if values == nil {
		values = make(url.Values)
	}
	for k, v := range e.Parameters {
		if len(values[k]) == 0 {
			values[k] = []string{v}
		}
	}
	if e.Context.ELB == nil {
		return values.Encode()
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[k] {
			pairs = append(pairs, k+"="+v)
		}
	}
	return strings.Join(pairs, "&")
}

func (e *httpEvent) header() http.Header {
	h := make(http.Header)
	for k, list := range e.MultiHeaders {
		for _, v := range list {
			h.Add(k, v)
		}
	}
	for k, v := range e.Headers {
		if h.Values(k) == nil {
			h.Set(k, v)
		}
	}
	if len(e.Cookies) > 0 {
		h.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	return h
}

// response is an http.ResponseWriter that buffers the response.
type response struct {
	header http.Header
	sent   http.Header // the headers when the status was written
	status int
	body   bytes.Buffer
}

// Header returns the headers of the response.
func (w *response) Header() http.Header { return w.header }

// WriteHeader sets the status if there is none yet. It ignores informational statuses, which cannot
// be sent.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 && status >= 100 {
		return
	}
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("eventmux: invalid status %d of an HTTP response", status))
	}
	w.status, w.sent = status, w.header.Clone()
}

// Write appends to the body.
func (w *response) Write(p []byte) (int, error) {
	w.begin(p)
	if !w.mayHaveBody() {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(p)
}

// WriteString appends to the body.
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

var _ io.StringWriter = (*response)(nil)

// begin fixes the headers before the first bytes of the body, and detects the content type if no
// header has it.
func (w *response) begin(p []byte) {
	if w.status != 0 && w.body.Len() > 0 {
		return
	}
	w.WriteHeader(http.StatusOK)
	if _, ok := w.sent["Content-Type"]; !ok && len(p) > 0 && w.mayHaveBody() && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(p))
	}
}

func (w *response) mayHaveBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// httpAnswer is the response to an event of any of the three forms.
type httpAnswer struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription,omitempty"` // only load balancers
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"` // not version 2.0
	Cookies           []string            `json:"cookies,omitempty"`           // only version 2.0
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// encode returns the response in the form for the source of the event.
func (e *httpEvent) encode(method string, w *response) ([]byte, error) {
	a := httpAnswer{StatusCode: w.status}
	sent := sendable(w.sent)
	body := w.body.Bytes()
	switch {
	case method == http.MethodHead:
	case utf8.Valid(body) && sent.Get("Content-Encoding") == "":
		a.Body = string(body)
	default:
		a.Body, a.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	switch {
	case e.Context.HTTP != nil:
		a.Cookies = sent.Values("Set-Cookie")
		sent.Del("Set-Cookie")
		a.Headers = joined(sent)
	case e.Context.ELB == nil, e.MultiHeaders != nil:
		a.MultiValueHeaders = sent
	case len(sent.Values("Set-Cookie")) > 1:
		return nil, errors.New("eventmux: the response has several cookies: " +
			"enable multi-value headers in the load balancer's target group")
	default:
		a.Headers = joined(sent)
	}
	if e.Context.ELB != nil {
		a.StatusDescription = fmt.Sprintf("%d %s", w.status, http.StatusText(w.status))
	}
	return json.Marshal(a)
}

// sendable returns the headers that net/http would send: without line breaks, and only those with a
// value and a valid name.
func sendable(h http.Header) http.Header {
	sent := make(http.Header, len(h))
	for _, k := range slices.Sorted(maps.Keys(h)) {
		if !isToken(k) {
			continue
		}
		for _, v := range h[k] {
			sent.Add(k, lineEnds.Replace(v))
		}
	}
	return sent
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ") //nolint:gochecknoglobals // a constant

// isToken reports whether a name is valid for a header (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	for _, c := range []byte(name) {
		isAlphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !isAlphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// joined returns the headers with the values of each joined by commas.
func joined(h http.Header) map[string]string {
	one := make(map[string]string, len(h))
	for k, v := range h {
		one[k] = strings.Join(v, ", ")
	}
	return one
}
