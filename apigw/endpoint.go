package apigw

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// endpoint is a management endpoint that was found valid.
type endpoint struct {
	uri url.URL
	// region is what the host names; empty where it names none.
	region string
	// loopback: the host is this machine.
	loopback bool
	// host is what the Host header has: the port only where it is not the scheme's own.
	host string
	// path is what is before "/@connections" on the wire: escaped, without a slash at its end.
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

// parseEndpoint reads the base URL of a management endpoint. A slash at its end is taken away.
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
		return endpoint{}, errors.New("the scheme is missing; it begins with https://")
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
		return endpoint{}, errors.New("user information has no place in it; posts are signed with the configuration's credentials")
	case u.RawQuery != "" || u.ForceQuery:
		return endpoint{}, errors.New("a query has no place in it")
	case strings.Contains(s, "#"):
		return endpoint{}, errors.New("a fragment has no place in it")
	}
	return e, e.checkPath()
}

func (e *endpoint) checkScheme() error {
	switch e.uri.Scheme {
	case "https":
		return nil
	case "http":
		if e.region != "" {
			return errors.New("the gateway is reached over https only")
		}
		return nil
	case "ws", "wss":
		return fmt.Errorf("scheme %s is the one that clients connect with; posts need https", e.uri.Scheme)
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
		return fmt.Errorf("port %s is not one of 1 to 65535", port)
	}
	return nil
}

// checkHostname takes what DNS takes, and IP addresses. The underscore is for names in container networks.
func checkHostname(name string) error {
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Zone() != "" {
			return fmt.Errorf("host %q has a zone", name)
		}
		return nil
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return fmt.Errorf("host %q is not a domain name", name)
		}
		for _, c := range []byte(label) {
			if !isAlphanumeric(c) && c != '-' && c != '_' {
				return fmt.Errorf("host %q is not a domain name", name)
			}
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
			return errors.New("the path has an empty part")
		case s == "." || s == "..":
			return fmt.Errorf("the path has a part %q", s)
		case strings.EqualFold(s, "@connections"):
			return fmt.Errorf("leave out %q: it is added for each connection", "/"+strings.Join(segments[i:], "/"))
		case !isPathSegment(s):
			return fmt.Errorf("the path has a part %q that is no name of a stage and no mapping key", s)
		}
	}
	switch {
	case e.region != "" && len(segments) == 0:
		return errors.New("the stage is missing after the host")
	case e.region != "" && len(segments) > 1:
		return errors.New("the path is more than the stage")
	case e.region != "":
		stage, err := url.PathUnescape(segments[0])
		return errors.Join(err, checkStage(stage))
	}
	return nil
}

// checkStage returns an error unless its argument can be the name of a WebSocket API's stage (AWS Developer Guide, known issues): $default too, which
// AWS SAM refuses for WebSocket APIs, as package emulator does.
func checkStage(stage string) error {
	if stage == "$default" {
		return errors.New(`a stage "$default" is one of HTTP APIs: a WebSocket API has none`)
	}
	for _, c := range []byte(stage) {
		if !isAlphanumeric(c) && c != '-' && c != '_' || len(stage) > 128 {
			return fmt.Errorf("the stage %q is not made of 1 to 128 letters, digits, - and _", stage)
		}
	}
	return nil
}

// isPathSegment tells if s can be a stage or a part of a mapping key (AWS Developer Guide, "WebSocket API
// mapping": letters, digits and $-_.+!*'()).
func isPathSegment(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && !strings.ContainsRune("$-_.+!*'()~", rune(c)) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isLoopback tells if a host name or address means this machine.
func isLoopback(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
