package apigw

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]endpointFacts{
		"https://abc.execute-api.eu-west-1.amazonaws.com/prod":      {region: "eu-west-1"},
		"https://abc.execute-api.eu-west-1.amazonaws.com/prod/":     {uri: "https://abc.execute-api.eu-west-1.amazonaws.com/prod", region: "eu-west-1"},
		"https://ABC.execute-api.eu-west-1.amazonaws.com/Prod":      {uri: "https://abc.execute-api.eu-west-1.amazonaws.com/Prod", region: "eu-west-1"},
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
		"wss://abc.execute-api.eu-west-1.amazonaws.com/prod":  "scheme wss is the one that clients connect with",
		"ws://localhost:3001/dev":                             "scheme ws is the one",
		"ftp://example.com":                                   `scheme "ftp"`,
		"http://abc.execute-api.eu-west-1.amazonaws.com/prod": "over https only",
		"https://":                     "host is missing",
		"https:///prod":                "host is missing",
		"https://a..b/prod":            "not a domain name",
		"https://a b/prod":             "invalid character",
		"https://münchen.example/prod": "not a domain name",
		"https://abc.execute-api.cn-north-1.amazonaws.com/prod":               "region cn-north-1 is under amazonaws.com.cn, not under amazonaws.com",
		"https://abc.execute-api.us-east-1.amazonaws.eu/prod":                 "region us-east-1 is under amazonaws.com",
		"http://abc.execute-api.eusc-de-east-1.amazonaws.eu/prod":             "over https only",
		"https://[fe80::1%25eth0]/dev":                                        "has a zone",
		"https://example.com:0/x":                                             "port 0",
		"https://example.com:65536/x":                                         "port 65536",
		"https://example.com:/x":                                              "port is missing",
		"https://u:p@example.com/x":                                           "user information",
		"https://example.com/x?a=1":                                           "query",
		"https://example.com/x?":                                              "query",
		"https://example.com/x#f":                                             "fragment",
		"https://example.com/x#":                                              "fragment",
		"https://example.com//x":                                              "empty part",
		"https://example.com/x//":                                             "empty part",
		"https://example.com/../x":                                            `part ".."`,
		"https://example.com/a%2Fb":                                           "no mapping key",
		"https://example.com/a b":                                             "no mapping key",
		"https://example.com/x/@connections":                                  `leave out "/@connections"`,
		"https://example.com/x/%40connections/":                               `leave out "/%40connections"`,
		"https://abc.execute-api.us-east-1.amazonaws.com/p/@connections/AbC=": `leave out "/@connections/AbC="`,
		"https://abc.execute-api.us-east-1.amazonaws.com":                     "stage is missing",
		"https://abc.execute-api.us-east-1.amazonaws.com/":                    "stage is missing",
		"https://abc.execute-api.us-east-1.amazonaws.com/prod/more":           "more than the stage",
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
