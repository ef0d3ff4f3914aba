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

// httpHandler answers the HTTP requests that events describe by an http.Handler.
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
	w.WriteHeader(http.StatusOK) // no more than a default
	return e.encode(r.Method, w)
}

type payloadKey struct{}

// Payload returns the event that a request of [HTTP] came in, nil outside such a request. It must not be
// changed.
func Payload(ctx context.Context) []byte {
	payload, _ := ctx.Value(payloadKey{}).([]byte)
	return payload
}

// httpEvent is an HTTP request as an event has it. AWS documents three forms: payload version 2.0 (HTTP
// APIs and function URLs), version 1.0 (REST APIs and HTTP APIs), and that of load balancers, which
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

// http2 is what version 2.0 says of the request's line.
type http2 struct {
	Method   string `json:"method"`
	SourceIP string `json:"sourceIp"`
}

// request makes the request that the event describes.
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

// lastHop is the client's address as the load balancer has seen it.
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
		path = raw // it is not escaped
	}
	u := &url.URL{Path: path, RawQuery: query}
	if u.EscapedPath() != raw { // routers look at RawPath first, and take what it has as escaped
		u.RawPath = raw
	}
	if u.EscapedPath() != raw {
		u.RawPath = "" // it is not a path's encoding
	}
	return u
}

// withoutStage is the path of version 2.0, which has the stage in it on the API's own domain, except for
// $default.
func (e *httpEvent) withoutStage() string {
	rest, ok := strings.CutPrefix(e.RawPath, "/"+e.Context.Stage)
	if ok && (rest == "" || rest[0] == '/') && strings.Contains(e.Context.DomainName, ".execute-api.") {
		return rest
	}
	return e.RawPath
}

// query joins the parameters of version 1.0. Those of a load balancer are escaped already.
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

// response keeps what the handler writes.
type response struct {
	header http.Header
	sent   http.Header // the headers at the time that the status was written
	status int
	body   bytes.Buffer
}

// Header returns the headers that will be sent.
func (w *response) Header() http.Header { return w.header }

// WriteHeader sets the status, unless there is one. Informational ones can't be sent.
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

// begin sends the headers before the first bytes of the body, and detects their type if no header has it.
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

// httpAnswer is the answer to any of the three forms.
type httpAnswer struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription,omitempty"` // only load balancers
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"` // not version 2.0
	Cookies           []string            `json:"cookies,omitempty"`           // only version 2.0
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// encode returns the response in the form that the source of the event takes.
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
		return nil, errors.New("eventmux: the response has several cookies; " +
			"turn on multi-value headers in the load balancer's target group")
	default:
		a.Headers = joined(sent)
	}
	if e.Context.ELB != nil {
		a.StatusDescription = fmt.Sprintf("%d %s", w.status, http.StatusText(w.status))
	}
	return json.Marshal(a)
}

// sendable returns the headers that net/http would send: none without a value, none whose name is malformed, and no
// line ends.
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

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ") //nolint:gochecknoglobals // A constant.

// isToken reports whether a name may be that of a header (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// joined has one value for each header.
func joined(h http.Header) map[string]string {
	one := make(map[string]string, len(h))
	for k, v := range h {
		one[k] = strings.Join(v, ", ")
	}
	return one
}
