package apigw

import (
	"strings"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]endpointFacts{
		"https://abc.execute-api.eu-west-1.amazonaws.com/prod": {region: "eu-west-1"},
		"https://abc.execute-api.eu-west-1.amazonaws.com/prod/": {
			uri: "https://abc.execute-api.eu-west-1.amazonaws.com/prod", region: "eu-west-1",
		},
		"https://ABC.execute-api.eu-west-1.amazonaws.com/Prod": {
			uri: "https://abc.execute-api.eu-west-1.amazonaws.com/Prod", region: "eu-west-1",
		},
		"https://abc.execute-api.cn-north-1.amazonaws.com.cn/p-1_x": {region: "cn-north-1"},
		"https://abc.execute-api.eusc-de-east-1.amazonaws.eu/prod":  {region: "eusc-de-east-1"},
		"https://abc.execute-api.zz-new-1.amazonaws.com/prod":       {region: "zz-new-1"},
		"https://ws.example.com":                                    {},
		"https://ws.example.com/":                                   {uri: "https://ws.example.com"},
		"https://ws.example.com/chat/v1":                            {},
		"https://ws.example.com/a!b+(c)":                            {},
		"https://ws.example.com:8443/chat":                          {},
		"http://emulator:3001/dev":                                  {},
		"http://localhost:3001/dev":                                 {loopback: true},
		"http://chat.localhost/dev":                                 {loopback: true},
		"http://127.0.0.1:3001/dev":                                 {loopback: true},
		"http://127.8.9.1/dev":                                      {loopback: true},
		"http://[::1]:3001/dev":                                     {loopback: true},
		"http://[::ffff:127.0.0.1]:3001/dev":                        {loopback: true},
		"https://[2001:db8::1]/dev":                                 {},
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			if want.uri == "" {
				want.uri = in
			}
			e, err := parseEndpoint(in)
			require.NoError(t, err)
			require.Equal(t, want, endpointFacts{e.uri.String(), e.region, e.loopback})
		})
	}
}

type endpointFacts struct {
	uri, region string
	loopback    bool
}

func TestParseEndpointRefuses(t *testing.T) {
	t.Parallel()
	for in, says := range map[string]string{
		"": "it is empty",
		"abc.execute-api.eu-west-1.amazonaws.com/prod": "scheme is missing",
		"localhost:3001/dev":                           "scheme is missing",
		"://x":                                         "missing protocol scheme",
		"wss://abc.execute-api.eu-west-1.amazonaws.com/prod":  "scheme wss is for WebSocket clients",
		"ws://localhost:3001/dev":                             "scheme ws is for",
		"ftp://example.com":                                   `scheme "ftp"`,
		"http://abc.execute-api.eu-west-1.amazonaws.com/prod": "accepts https only",
		"https://":                     "host is missing",
		"https:///prod":                "host is missing",
		"https://a..b/prod":            "not a domain name",
		"https://a b/prod":             "invalid character",
		"https://münchen.example/prod": "not a domain name",
		"https://abc.execute-api.cn-north-1.amazonaws.com/prod":               "region cn-north-1 is under amazonaws.com.cn, not under amazonaws.com",
		"https://abc.execute-api.us-east-1.amazonaws.eu/prod":                 "region us-east-1 is under amazonaws.com",
		"http://abc.execute-api.eusc-de-east-1.amazonaws.eu/prod":             "accepts https only",
		"https://[fe80::1%25eth0]/dev":                                        "has a zone",
		"https://example.com:0/x":                                             "port 0",
		"https://example.com:65536/x":                                         "port 65536",
		"https://example.com:/x":                                              "port is missing",
		"https://u:p@example.com/x":                                           "user information",
		"https://example.com/x?a=1":                                           "query",
		"https://example.com/x?":                                              "query",
		"https://example.com/x#f":                                             "fragment",
		"https://example.com/x#":                                              "fragment",
		"https://example.com//x":                                              "empty segment",
		"https://example.com/x//":                                             "empty segment",
		"https://example.com/../x":                                            `segment ".."`,
		"https://example.com/a%2Fb":                                           "neither a stage name nor a mapping key",
		"https://example.com/a b":                                             "neither a stage name nor a mapping key",
		"https://example.com/x/@connections":                                  `leave out "/@connections"`,
		"https://example.com/x/%40connections/":                               `leave out "/%40connections"`,
		"https://abc.execute-api.us-east-1.amazonaws.com/p/@connections/AbC=": `leave out "/@connections/AbC="`,
		"https://abc.execute-api.us-east-1.amazonaws.com":                     "stage is missing",
		"https://abc.execute-api.us-east-1.amazonaws.com/":                    "stage is missing",
		"https://abc.execute-api.us-east-1.amazonaws.com/prod/more":           "the stage alone",
		"https://" + strings.Repeat("a", 64) + ".example.com":                 "not a domain name",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			_, err := parseEndpoint(in)
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, "apigw: endpoint ")
		})
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{
		"https://abc.execute-api.eu-west-1.amazonaws.com/prod/",
		"http://[::1]:3001/dev",
		"https://ws.example.com/chat!/%21",
		"https://ws.example.com/a%2F%2e%2e/b",
		"wss://x/@connections?#",
		"https://u@h:99999//",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseEndpoint(s)
		if err != nil {
			return
		}
		out := e.uri.String()
		again, err := parseEndpoint(out)
		require.NoError(t, err, "%q became %q", s, out)
		require.Equal(t, e, again, "%q became %q", s, out)
		require.NotContains(t, out, "@")
		require.NotContains(t, out, "?")
		require.False(t, strings.HasSuffix(out, "/"), out)
	})
}

// The suffixes are those of aws-sdk-go-v2's partitions.json.
func TestEndpointForAPIHosts(t *testing.T) {
	t.Parallel()
	for region, suffix := range map[string]string{
		"eu-west-1": "amazonaws.com", "us-gov-west-1": "amazonaws.com", "mx-central-1": "amazonaws.com",
		"cn-north-1": "amazonaws.com.cn", "cn-northwest-1": "amazonaws.com.cn", "eusc-de-east-1": "amazonaws.eu",
		"us-iso-east-1": "c2s.ic.gov", "us-isob-west-1": "sc2s.sgov.gov", "eu-isoe-west-1": "cloud.adc-e.uk",
		"us-isof-south-1": "csp.hci.ic.gov",
	} {
		domain := "abc123.execute-api." + region + "." + suffix
		got, err := EndpointFor(&gatesock.Request{DomainName: domain, Stage: "prod"}, nil)
		require.NoError(t, err)
		require.Equal(t, "https://"+domain+"/prod", got)
		e, err := parseEndpoint(got)
		require.NoError(t, err)
		require.Equal(t, region, e.region, "the region that requests are signed for")
	}
	for stage, want := range map[string]string{
		"":                       "stage is missing",
		"a/b":                    "stage alone",
		"a?b":                    "neither a stage",
		"$default":               "HTTP APIs",
		"a.b":                    "1 to 128",
		strings.Repeat("a", 129): "1 to 128",
	} {
		_, err := EndpointFor(&gatesock.Request{
			DomainName: "abc123.execute-api.eu-west-1.amazonaws.com", Stage: stage,
		}, nil)
		require.ErrorContains(t, err, want)
	}
}

func TestEndpointFor(t *testing.T) {
	t.Parallel()
	mappings := map[string]string{
		"ws.example.com": "chat", "root.example.com": "",
		"127.0.0.2": "/chat", "mapped.localhost": "", "127.0.0.3": "other", "127.0.0.3:1": "this",
	}
	for _, c := range []struct{ domain, stage, want string }{
		{"abc.execute-api.eu-west-1.amazonaws.com", "prod", "https://abc.execute-api.eu-west-1.amazonaws.com/prod"},
		{"abc.execute-api.cn-north-1.amazonaws.com.cn", "prod", "https://abc.execute-api.cn-north-1.amazonaws.com.cn/prod"},
		{"localhost:3001", "dev", "http://localhost:3001/dev"},
		{"127.0.0.2:3001", "dev", "http://127.0.0.2:3001/chat"},
		{"mapped.localhost:9", "dev", "http://mapped.localhost:9"},
		{"127.0.0.3:1", "dev", "http://127.0.0.3:1/this"},
		{"127.0.0.3:2", "dev", "http://127.0.0.3:2/other"},
		{"LOCALHOST:3001", "dev", "http://localhost:3001/dev"},
		{"127.0.0.1:3001", "dev", "http://127.0.0.1:3001/dev"},
		{"[::1]:3001", "dev", "http://[::1]:3001/dev"},
		{"[::1]", "dev", "http://[::1]/dev"},
		{"::1", "dev", "http://[::1]/dev"},
		{"chat.localhost", "dev", "http://chat.localhost/dev"},
		{"ws.example.com", "prod", "https://ws.example.com/chat"},
		{"WS.Example.com", "prod", "https://ws.example.com/chat"},
		{"root.example.com", "prod", "https://root.example.com"},
	} {
		got, err := EndpointFor(&gatesock.Request{DomainName: c.domain, Stage: c.stage, APIID: "abc"}, mappings)
		require.NoError(t, err, c.domain)
		require.Equal(t, c.want, got)
	}
}

func TestEndpointForRefuses(t *testing.T) {
	t.Parallel()
	_, err := EndpointFor(&gatesock.Request{DomainName: "ws.example.com", Stage: "prod"}, nil)
	require.ErrorIs(t, err, ErrUnknownMapping)
	require.ErrorContains(t, err, `"ws.example.com"`)

	// A name that only looks like one of AWS is a custom domain.
	for _, domain := range []string{
		"execute-api.eu-west-1.amazonaws.com",
		"abc.execute-api.eu-west-1.amazonaws.com.evil.example",
		"a.b.execute-api.eu-west-1.amazonaws.com",
		"localhost.example.com",
	} {
		_, err = EndpointFor(&gatesock.Request{DomainName: domain, Stage: "prod"}, nil)
		require.ErrorIs(t, err, ErrUnknownMapping, domain)
	}

	_, err = EndpointFor(&gatesock.Request{Stage: "prod"}, nil)
	require.ErrorContains(t, err, "does not have a domain name")
	_, err = EndpointFor(&gatesock.Request{DomainName: "abc.execute-api.eu-west-1.amazonaws.com"}, nil)
	require.ErrorContains(t, err, "stage is missing")
	_, err = EndpointFor(&gatesock.Request{DomainName: "localhost:3001"}, nil)
	require.ErrorContains(t, err, "stage is missing")
	_, err = EndpointFor(&gatesock.Request{DomainName: "localhost:3001", Stage: "$default"}, nil)
	require.ErrorContains(t, err, "HTTP APIs", "the emulator refuses it too")
}
