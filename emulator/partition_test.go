package emulator_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// Host names and resource names have the partition of the region.
func TestPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]struct{ domain, arn string }{
		"":               {"localapi00.execute-api.us-east-1.amazonaws.com", "arn:aws:execute-api:us-east-1:"},
		"cn-north-1":     {"localapi00.execute-api.cn-north-1.amazonaws.com.cn", "arn:aws-cn:execute-api:cn-north-1:"},
		"us-gov-west-1":  {"localapi00.execute-api.us-gov-west-1.amazonaws.com", "arn:aws-us-gov:execute-api:us-gov-west-1:"},
		"eusc-de-east-1": {"localapi00.execute-api.eusc-de-east-1.amazonaws.eu", "arn:aws-eusc:execute-api:eusc-de-east-1:"},
	} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			var domain, arn string
			r := gatesock.New()
			r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
				domain = req.DomainName
				return nil, nil
			})
			g, err := emulator.New(r, emulator.Config{
				Region: region,
				Authorizer: &emulator.Authorizer{Handler: authorizerFunc(func(event []byte) []byte {
					arn = string(event)
					return []byte(`{"principalId":"ann","policyDocument":{"Statement":[{"Action":"execute-api:Invoke",` +
						`"Effect":"Allow","Resource":"*"}]}}`)
				})},
			})
			require.NoError(t, err)
			s, err := g.Connect(t.Context(), emulator.Handshake{}, silent{})
			require.NoError(t, err)
			require.Equal(t, want.domain, domain)
			require.Contains(t, arn, `"methodArn":"`+want.arn)
			s.Close(t.Context(), 1000, "")
			require.NoError(t, g.Shutdown(t.Context()))
		})
	}
}

type authorizerFunc func(event []byte) []byte

func (f authorizerFunc) Invoke(_ context.Context, event []byte) ([]byte, error) { return f(event), nil }

// silent is a client that ignores everything.
type silent struct{}

func (silent) Send([]byte) error { return nil }
func (silent) Close(int, string) {}
