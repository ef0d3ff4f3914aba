package apigw

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/partition"
)

// ErrUnknownMapping is the error of [EndpointFor] for an event that came through a custom domain
// whose mapping key it does not know. The event does not have it.
var ErrUnknownMapping = errors.New("apigw: the mapping key of the custom domain is unknown")

// EndpointFor returns the endpoint of the API that an event came through. Set it as the Endpoint
// of a [gatesock.Target] where one function serves several APIs or stages.
//
// If the event came through the API's own host or a loopback host, the endpoint is made of its
// domain name and stage. If it came through a custom domain, mappings must have the mapping key of
// the API there: domain to key, with an empty key for an API that is mapped without one, and with
// domains in lower case. Otherwise EndpointFor fails with [ErrUnknownMapping]. Mappings may be
// nil.
//
// An emulator on this machine can stand for a custom domain: then mappings has its loopback host,
// with the port or, for all ports, without.
func EndpointFor(req *gatesock.Request, mappings map[string]string) (string, error) {
	domain := strings.ToLower(req.DomainName)
	if domain == "" {
		return "", errors.New("apigw: the event does not have a domain name")
	}
	if isLoopback(hostname(domain)) {
		return loopbackEndpoint(domain, req.Stage, mappings)
	}
	if _, ok := readAPIHost(domain); ok {
		return build("https", domain, req.Stage)
	}
	key, ok := mappings[domain]
	if !ok {
		return "", fmt.Errorf("%w: %.200q", ErrUnknownMapping, req.DomainName)
	}
	return build("https", domain, strings.Trim(key, "/"))
}

func loopbackEndpoint(host, stage string, mappings map[string]string) (string, error) {
	key, ok := mappings[host]
	if !ok {
		key, ok = mappings[hostname(host)]
	}
	if ok {
		return build("http", host, strings.Trim(key, "/"))
	}
	if stage == "" {
		return "", errors.New("apigw: the stage is missing")
	}
	if err := checkStage(stage); err != nil {
		return "", fmt.Errorf("apigw: %w", err)
	}
	return build("http", host, stage)
}

func build(scheme, host, path string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil && strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u := url.URL{Scheme: scheme, Host: host, Path: path}
	e, err := parseEndpoint(u.String())
	if err != nil {
		return "", err
	}
	return e.uri.String(), nil
}

// hostname removes the port, if there is one, and brackets.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

// endpoint is a valid endpoint.
type endpoint struct {
	uri url.URL
	// region is the region in the host name, or empty.
	region string
	// loopback reports whether the host is this machine.
	loopback bool
	// host is the value of the Host header: without a port if it is the scheme's default.
	host string
	// path is the path before "/@connections" on the wire: escaped, without a trailing slash.
	path string
	// name is the same for all spellings of an endpoint.
	name string
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// parseEndpoint parses the base URL of an endpoint, with or without a trailing slash.
func parseEndpoint(s string) (endpoint, error) {
	e, err := readEndpoint(s)
	if err != nil {
		return endpoint{}, fmt.Errorf("apigw: endpoint %q: %w", s, err)
	}
	return e, nil
}

func readEndpoint(s string) (endpoint, error) {
	switch {
	case s == "":
		return endpoint{}, errors.New("it is empty")
	case !strings.Contains(s, "://"):
		return endpoint{}, errors.New("the scheme is missing; begin with https://")
	}
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil {
		return endpoint{}, errors.Unwrap(err)
	}
	e := endpoint{uri: url.URL{
		Scheme:  u.Scheme,
		Host:    strings.ToLower(u.Host),
		Path:    u.Path,
		RawPath: u.RawPath,
	}}
	e.host = strings.TrimSuffix(e.uri.Host, ":"+defaultPort(u.Scheme))
	e.path = cmp.Or(u.RawPath, u.Path)
	e.name = u.Scheme + "://" + e.host + e.path
	if err := e.readHost(); err != nil {
		return endpoint{}, err
	}
	if err := e.checkScheme(); err != nil {
		return endpoint{}, err
	}
	switch {
	case u.User != nil:
		return endpoint{}, errors.New("user information is not allowed; requests are signed with the credentials")
	case u.RawQuery != "" || u.ForceQuery:
		return endpoint{}, errors.New("a query is not allowed")
	case strings.Contains(s, "#"):
		return endpoint{}, errors.New("a fragment is not allowed")
	}
	return e, e.checkPath()
}

func (e *endpoint) checkScheme() error {
	switch e.uri.Scheme {
	case "https":
		return nil
	case "http":
		if e.region != "" {
			return errors.New("API Gateway accepts https only")
		}
		return nil
	case "ws", "wss":
		return fmt.Errorf("scheme %s is for WebSocket clients; the endpoint needs https", e.uri.Scheme)
	default:
		return fmt.Errorf("scheme %q is neither https nor http", e.uri.Scheme)
	}
}

func (e *endpoint) readHost() error {
	name := e.uri.Hostname()
	if name == "" {
		return errors.New("the host is missing")
	}
	if err := checkPort(e.uri); err != nil {
		return err
	}
	if err := checkHostname(name); err != nil {
		return err
	}
	e.loopback = isLoopback(name)
	if host, ok := readAPIHost(name); ok {
		e.region = host.region
		return host.check()
	}
	return nil
}

func checkPort(u url.URL) error {
	port := u.Port()
	if port == "" {
		if strings.HasSuffix(u.Host, ":") {
			return errors.New("the port is missing after the colon")
		}
		return nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %s is not in 1 to 65535", port)
	}
	return nil
}

// checkHostname accepts domain names and IP addresses. Labels may have underscores, as in container
// networks.
func checkHostname(name string) error {
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Zone() != "" {
			return fmt.Errorf("host %q has a zone", name)
		}
		return nil
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || !isName(label) {
			return fmt.Errorf("host %q is not a domain name", name)
		}
	}
	return nil
}

func (e *endpoint) checkPath() error {
	segments := strings.Split(e.uri.EscapedPath(), "/")[1:]
	for i, escaped := range segments {
		s, err := url.PathUnescape(escaped)
		switch {
		case err != nil:
			return err
		case s == "":
			return errors.New("the path has an empty segment")
		case s == "." || s == "..":
			return fmt.Errorf("the path has a segment %q", s)
		case strings.EqualFold(s, "@connections"):
			return fmt.Errorf("leave out %q: it is added for each connection", "/"+strings.Join(segments[i:], "/"))
		case !isPathSegment(s):
			return fmt.Errorf("path segment %q is neither a stage name nor a mapping key", s)
		}
	}
	switch {
	case e.region != "" && len(segments) == 0:
		return errors.New("the stage is missing after the host")
	case e.region != "" && len(segments) > 1:
		return errors.New("the path must be the stage alone")
	case e.region != "":
		stage, err := url.PathUnescape(segments[0])
		return errors.Join(err, checkStage(stage))
	}
	return nil
}

// checkStage checks the name of a stage (AWS Developer Guide, known issues). It refuses $default as
// package emulator does, and as AWS SAM does for WebSocket APIs.
func checkStage(stage string) error {
	if stage == "$default" {
		return errors.New(`stage "$default" exists for HTTP APIs only, not for WebSocket APIs`)
	}
	if len(stage) > 128 || !isName(stage) {
		return fmt.Errorf("stage %q: want 1 to 128 letters, digits, - and _", stage)
	}
	return nil
}

// isPathSegment reports whether s can be a stage or a segment of a mapping key (AWS Developer
// Guide, "WebSocket API mapping": letters, digits and $-_.+!*'()).
func isPathSegment(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && !strings.ContainsRune("$-_.+!*'()~", rune(c)) {
			return false
		}
	}
	return true
}

// isName reports whether s has letters, digits, "-" and "_" only.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// isLabel reports whether s can be one label of a domain name.
func isLabel(s string) bool {
	return s != "" && !strings.Contains(s, ".") && checkHostname(s) == nil
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isLoopback reports whether a host name or address means this machine.
func isLoopback(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// apiHost has the parts of an API's own host name, {api}.execute-api.{region}.{suffix}.
type apiHost struct{ region, suffix string }

// readAPIHost reads such a name under the suffix of any partition.
func readAPIHost(name string) (h apiHost, ok bool) {
	labels := strings.SplitN(name, ".", 4)
	if len(labels) != 4 || labels[0] == "" || labels[1] != "execute-api" || labels[2] == "" {
		return apiHost{}, false
	}
	return apiHost{labels[2], labels[3]}, partition.HasSuffix(labels[3])
}

// check refuses a region under the suffix of another partition. An unknown region may be new.
func (h apiHost) check() error {
	if p, ok := partition.Of(h.region); ok && p.Suffix != h.suffix {
		return fmt.Errorf("region %s is under %s, not under %s", h.region, p.Suffix, h.suffix)
	}
	return nil
}
