package apigw

import (
	"strings"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

func TestExecuteAPI(t *testing.T) {
	t.Parallel()
	got, err := ExecuteAPIEndpoint("abc123", "eu-west-1", "prod")
	require.NoError(t, err)
	require.Equal(t, "https://abc123.execute-api.eu-west-1.amazonaws.com/prod", got)

	got, err = ExecuteAPIEndpoint("abc123", "cn-northwest-1", "prod")
	require.NoError(t, err)
	require.Equal(t, "https://abc123.execute-api.cn-northwest-1.amazonaws.com.cn/prod", got)

	// Of aws-sdk-go-v2's partitions.json.
	for region, suffix := range map[string]string{
		"us-gov-west-1": "amazonaws.com", "mx-central-1": "amazonaws.com", "cn-north-1": "amazonaws.com.cn",
		"eusc-de-east-1": "amazonaws.eu", "us-iso-east-1": "c2s.ic.gov", "us-isob-west-1": "sc2s.sgov.gov",
		"eu-isoe-west-1": "cloud.adc-e.uk", "us-isof-south-1": "csp.hci.ic.gov",
	} {
		got, err = ExecuteAPIEndpoint("abc123", region, "prod")
		require.NoError(t, err)
		require.Equal(t, "https://abc123.execute-api."+region+"."+suffix+"/prod", got)
		e, err := parseEndpoint(got)
		require.NoError(t, err)
		require.Equal(t, region, e.region, "what requests are signed for")
		of, err := EndpointFor(&gatesock.Request{DomainName: e.host, Stage: "prod"}, nil)
		require.NoError(t, err)
		require.Equal(t, got, of)
	}

	for _, c := range []struct{ api, region, stage, says string }{
		{"abc", "us-isox-east-1", "prod", "no partition"},
		{"abc", "eusc-fr-east-1", "prod", "no partition"},
		{"abc", "east-1", "prod", "no partition"},
		{"abc", "eu-west-x", "prod", "no partition"},
		{"abc", "aws-global", "prod", "no partition"},
		{"", "eu-west-1", "prod", "API id"},
		{"a.b", "eu-west-1", "prod", "API id"},
		{"abc", "", "prod", "region"},
		{"abc", "eu west", "prod", "region"},
		{"abc", "eu-west-1", "", "stage is missing"},
		{"abc", "eu-west-1", "a/b", "more than the stage"},
		{"abc", "eu-west-1", "a?b", "no name of a stage"},
		{"abc", "eu-west-1", "$default", "HTTP APIs"},
		{"abc", "eu-west-1", "a.b", "not made of"},
		{"abc", "eu-west-1", strings.Repeat("a", 129), "not made of"},
	} {
		_, err := ExecuteAPIEndpoint(c.api, c.region, c.stage)
		require.ErrorContains(t, err, c.says)
	}
}

func TestCustomDomain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ domain, key, want string }{
		{"ws.example.com", "", "https://ws.example.com"},
		{"WS.example.com", "chat", "https://ws.example.com/chat"},
		{"ws.example.com", "/chat/", "https://ws.example.com/chat"},
	} {
		got, err := CustomDomainEndpoint(c.domain, c.key)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := CustomDomainEndpoint("abc.execute-api.eu-west-1.amazonaws.com", "prod")
	require.ErrorContains(t, err, "the API's own host")
	_, err = CustomDomainEndpoint("https://ws.example.com", "")
	require.ErrorContains(t, err, "not a domain name")
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ host, want string }{
		{"localhost:3001", "http://localhost:3001/dev"},
		{"127.0.0.1:3001", "http://127.0.0.1:3001/dev"},
		{"[::1]:3001", "http://[::1]:3001/dev"},
		{"[::1]", "http://[::1]/dev"},
		{"::1", "http://[::1]/dev"},
		{"chat.localhost", "http://chat.localhost/dev"},
	} {
		got, err := LoopbackEndpoint(c.host, "dev")
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := LoopbackEndpoint("example.com:80", "dev")
	require.ErrorContains(t, err, "not a loopback address")
	_, err = LoopbackEndpoint("localhost", "")
	require.ErrorContains(t, err, "stage is missing")
	_, err = LoopbackEndpoint("localhost", "$default")
	require.ErrorContains(t, err, "HTTP APIs", "the emulator refuses it too")
}

func TestEndpointOf(t *testing.T) {
	t.Parallel()
	mappings := Mappings{
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
		{"ws.example.com", "prod", "https://ws.example.com/chat"},
		{"WS.Example.com", "prod", "https://ws.example.com/chat"},
		{"root.example.com", "prod", "https://root.example.com"},
	} {
		got, err := EndpointFor(&gatesock.Request{DomainName: c.domain, Stage: c.stage, APIID: "abc"}, mappings)
		require.NoError(t, err, c.domain)
		require.Equal(t, c.want, got)
	}
}

func TestEndpointOfRefuses(t *testing.T) {
	t.Parallel()
	_, err := EndpointFor(&gatesock.Request{DomainName: "ws.example.com", Stage: "prod"}, nil)
	require.ErrorIs(t, err, ErrUnknownMapping)
	require.ErrorContains(t, err, `"ws.example.com"`)

	// A name that only looks like one of AWS is a custom domain like any other.
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
	require.ErrorContains(t, err, "no domain name")
	_, err = EndpointFor(&gatesock.Request{DomainName: "abc.execute-api.eu-west-1.amazonaws.com"}, nil)
	require.ErrorContains(t, err, "stage is missing")
	_, err = LoopbackEndpoint("localhost", "$default")
	require.ErrorContains(t, err, "HTTP APIs", "the emulator refuses it too")
}
