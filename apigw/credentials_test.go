package apigw_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

func TestEnvironmentCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
	t.Setenv("AWS_SESSION_TOKEN", "TOKEN")
	p := apigw.EnvironmentCredentials()
	got, err := p.Retrieve(t.Context())
	require.NoError(t, err)
	require.Equal(t, aws.Credentials{
		AccessKeyID: "AKID", SecretAccessKey: "SECRET", SessionToken: "TOKEN", Source: "environment",
	}, got)

	t.Setenv("AWS_SESSION_TOKEN", "")
	got, err = p.Retrieve(t.Context())
	require.NoError(t, err)
	require.Empty(t, got.SessionToken)

	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"} {
		t.Setenv(name, "")
		_, err = p.Retrieve(t.Context())
		require.ErrorContains(t, err, name)
	}
}

// Without credentials nothing is sent, and the error says why.
func TestPostWithoutCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	c, err := apigw.New(apigw.EnvironmentCredentials(), "https://ws.example.com", apigw.WithRegion("eu-west-1"),
		apigw.WithTransport(roundTripper(func(*http.Request) (*http.Response, error) { panic("a request was sent") })))
	require.NoError(t, err)
	err = c.Post(t.Context(), to, nil)
	require.EqualError(t, err, `apigw: post to "`+id+`": gatesock: nothing was sent: sign: retrieve credentials: `+
		"AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
}

// A broadcast may outlive the credentials that it began with.
func TestCredentialsRotateWhilePrepared(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
	now := time.Date(2026, 11, 24, 23, 59, 59, 0, time.UTC)
	var r recorder
	c, err := apigw.New(apigw.EnvironmentCredentials(), "https://ws.example.com", apigw.WithRegion("eu-west-1"),
		apigw.WithTransport(&r), apigw.WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	post := c.Prepare([]byte("hello"), 0)
	for _, step := range []struct{ key, token, want string }{
		{"FIRST", "A", "Credential=FIRST/20261124/"},
		{"SECOND", "B", "Credential=SECOND/20261125/"},
	} {
		t.Setenv("AWS_ACCESS_KEY_ID", step.key)
		t.Setenv("AWS_SESSION_TOKEN", step.token)
		require.NoError(t, post(t.Context(), gatesock.Target{ConnectionID: id}))
		require.Contains(t, r.last.Header.Get("Authorization"), step.want)
		require.Equal(t, step.token, r.last.Header.Get("X-Amz-Security-Token"))
		require.Equal(t, now.Format("20060102T150405Z"), r.last.Header.Get("X-Amz-Date"))
		now = now.Add(time.Second)
	}
}
