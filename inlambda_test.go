package gatesock_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestInLambda(t *testing.T) {
	for name, c := range map[string]struct {
		api, describe string
		want          bool
	}{
		"on a developer's machine": {"", "", false},
		"in Lambda":                {"127.0.0.1:9001", "", true},
		"describing itself":        {"", "1", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_RUNTIME_API", c.api)
			t.Setenv("GATESOCK_DESCRIBE", c.describe)
			require.Equal(t, c.want, gatesock.InLambda())
		})
	}
}
