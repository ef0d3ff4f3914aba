package apigw

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gatesock/gatesock"
)

// ErrUnknownMapping says that an event came through a custom domain, and that it was not said which mapping
// key the API has there. The event does not tell.
var ErrUnknownMapping = errors.New("apigw: the custom domain's mapping key is not known")

// ExecuteAPI gives the endpoint on the host that every API has,
// https://{api}.execute-api.{region}.amazonaws.com/{stage}, or the same under amazonaws.com.cn in the regions
// of China (AWS Developer Guide, "Use @connections commands in your backend service").
func ExecuteAPI(apiID, region, stage string) (string, error) {
	for _, part := range []struct{ name, value string }{{"API id", apiID}, {"region", region}} {
		if !isLabel(part.value) {
			return "", fmt.Errorf("apigw: %s %q is not valid", part.name, part.value)
		}
	}
	suffix := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	return build("https", apiID+".execute-api."+region+suffix, stage)
}

// CustomDomain gives the endpoint on a custom domain. The mapping key is that of the API under this domain,
// empty if the API is mapped without one. The stage is not part of it.
func CustomDomain(domain, mappingKey string) (string, error) {
	domain = strings.ToLower(domain)
	if _, ok := regionOf(domain); ok {
		return "", fmt.Errorf("apigw: %q is not a custom domain but the API's own host", domain)
	}
	if err := checkHostname(domain); err != nil {
		return "", fmt.Errorf("apigw: custom domain: %w", err)
	}
	return build("https", domain, strings.Trim(mappingKey, "/"))
}

// Loopback gives the endpoint of an emulator on this machine, http://{hostport}/{stage}. The port may be left
// out of hostport; the host is localhost, a name under .localhost, or a loopback address.
func Loopback(hostport, stage string) (string, error) {
	if !isLoopback(hostname(hostport)) {
		return "", fmt.Errorf("apigw: %q is not a loopback address", hostport)
	}
	if stage == "" {
		return "", errors.New("apigw: the stage is missing")
	}
	if _, err := netip.ParseAddr(hostport); err == nil && strings.Contains(hostport, ":") {
		hostport = "[" + hostport + "]"
	}
	return build("http", hostport, stage)
}

// Mappings says under which mapping key the API is reached on a custom domain: domain to key, an empty key
// where the API is mapped without one. Domains are in lower case.
type Mappings map[string]string

// EndpointOf gives the endpoint of the API that an event came through: of its domain name and stage if the
// domain is the API's own host or a loopback one, and of its domain name and the mapping if it is a custom
// one. It fails with [ErrUnknownMapping] for a custom domain that is not in mappings, which may be nil.
func EndpointOf(req *gatesock.Request, mappings Mappings) (string, error) {
	domain := strings.ToLower(req.DomainName)
	if domain == "" {
		return "", errors.New("apigw: the event has no domain name")
	}
	if isLoopback(hostname(domain)) {
		return Loopback(domain, req.Stage)
	}
	if _, ok := regionOf(domain); ok {
		return build("https", domain, req.Stage)
	}
	key, ok := mappings[domain]
	if !ok {
		return "", fmt.Errorf("%w: %q", ErrUnknownMapping, req.DomainName)
	}
	return CustomDomain(domain, key)
}

func build(scheme, host, path string) (string, error) {
	u := url.URL{Scheme: scheme, Host: host, Path: path}
	e, err := parseEndpoint(u.String())
	if err != nil {
		return "", err
	}
	return e.uri.String(), nil
}

// hostname takes the port away, if there is one, and the brackets.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

func isLabel(s string) bool {
	return s != "" && !strings.Contains(s, ".") && checkHostname(s) == nil
}
