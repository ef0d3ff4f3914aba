package iam_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/client/iam"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const region = "eu-west-1"

// serve runs an API that requires signatures, and returns its address.
func serve(t *testing.T, cfg emulator.Config) string {
	t.Helper()
	cfg.Region, cfg.Logger = region, slog.New(slog.DiscardHandler)
	cfg.IAM = &emulator.IAM{Connect: true, Users: []emulator.IAMUser{
		{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"},
		{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "example2", SessionToken: "token+/="},
		{
			AccessKeyID: "AKIDDENIED", SecretAccessKey: "example3",
			Policy: `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`,
		},
	}}
	r := gatesock.New(gatesock.WithLogger(cfg.Logger))
	type text map[string]string
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in text) (text, error) { return in, nil })
	gateway, err := emulator.New(r, cfg)
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	return server.URL
}

func connect(t *testing.T, address string, opts ...client.Option) (*client.Client, error) {
	t.Helper()
	c, err := client.Connect(t.Context(), address, append(opts, client.WithLogger(slog.New(slog.DiscardHandler)))...)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, c.Close()) })
	}
	return c, err
}

func static(id, secret, token string) client.Option {
	return iam.WithCredentials(credentials.NewStaticCredentialsProvider(id, secret, token), region)
}

func TestSignedHandshakes(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{})
	ticket := client.WithTicket(func(context.Context) (string, error) { return "a b+c/d=&é", nil })
	for name, opts := range map[string][]client.Option{
		"a user":                {static("AKIDEXAMPLE", "example", "")},
		"temporary credentials": {static("ASIAEXAMPLE", "example2", "token+/=")},
		"a query":               {static("AKIDEXAMPLE", "example", ""), ticket}, // the signature is made last
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := connect(t, address, opts...)
			require.NoError(t, err)
			out, err := client.Call[map[string]string](t.Context(), c, "echo", map[string]string{"text": "hello"})
			require.NoError(t, err)
			require.Equal(t, "hello", out["text"])
		})
	}
}

func TestRefusedHandshakes(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{})
	for name, opts := range map[string][]client.Option{
		"no signature":   nil,
		"another secret": {static("AKIDEXAMPLE", "wrong", "")},
		"an unknown key": {static("AKIDOTHER", "example", "")},
		"no token":       {static("ASIAEXAMPLE", "example2", "")},
		"a policy":       {static("AKIDDENIED", "example3", "")},
		"another region": {iam.WithCredentials(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""), "us-east-1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := connect(t, address, opts...)
			var refused *client.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, 403, refused.StatusCode)
			require.NotEmpty(t, refused.Message)
		})
	}
}

func TestAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{Clock: emulator.NewManualClock(time.Now().Add(-time.Hour))})
	_, err := connect(t, address, static("AKIDEXAMPLE", "example", ""))
	var refused *client.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 403, refused.StatusCode)
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{})
	locked := errors.New("the vault is locked")
	calls := 0
	c, err := client.New(address, client.WithLogger(slog.New(slog.DiscardHandler)),
		iam.WithCredentials(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			if calls++; calls == 1 {
				return aws.Credentials{}, locked
			}
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}), region))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	for p := range c.Problems(t.Context()) {
		require.ErrorIs(t, p, locked)
		break
	}
	require.NoError(t, c.Wait(t.Context())) // with the next attempt
}

// TestSignerForTests has tests against a stage whose $connect has IAM authorization.
func TestSignerForTests(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{})
	secrets := map[string]string{"AKIDEXAMPLE": "example", "AKIDDENIED": "example3"}
	signed := func(_ testing.TB, p authz.Principal) []wstest.ConnectOption {
		by := credentials.NewStaticCredentialsProvider(p.ID, secrets[p.ID], "")
		return []wstest.ConnectOption{wstest.WithSigner(iam.Signer(by, region))}
	}
	p := wstest.NewDeployed(t, address, wstest.WithCredentials(signed))
	c := p.Connect(wstest.WithUser("AKIDEXAMPLE"), wstest.WithQuery("ticket", "a b+c/d=&é"))
	var out map[string]string
	c.Request("echo", map[string]string{"text": "hello"}).ExpectReply(&out)
	require.Equal(t, "hello", out["text"])
	require.Equal(t, 403, p.ConnectRefused(wstest.WithUser("AKIDDENIED")))
	require.Equal(t, 403, p.ConnectRefused())
}

func TestImpossibleCredentials(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "iam: WithCredentials: credentials must not be nil, region must not be empty",
		func() { iam.WithCredentials(nil, region) })
	require.PanicsWithValue(t, "iam: Signer: credentials must not be nil, region must not be empty",
		func() { iam.Signer(nil, region) })
	require.Panics(t, func() { iam.WithCredentials(credentials.NewStaticCredentialsProvider("a", "b", ""), "") })
}
