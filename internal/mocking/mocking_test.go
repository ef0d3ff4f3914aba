package mocking_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/mocking"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	i := mocking.Integration{
		Name: "M", Selection: "200", Requests: map[string]string{"200": `{"statusCode":200}`, "$default": "{}"},
		Responses: []mocking.Response{
			{Name: "D", Key: "$default", Templates: map[string]string{"$default": "default"}},
			{Name: "R", Key: `/2\d\d/`, Templates: map[string]string{"pong": "pong"}, Selection: "pong"},
		},
	}
	frame, err := i.Answer(false, true)
	require.NoError(t, err)
	require.Equal(t, "pong", string(frame))
	for _, connect := range []bool{true, false} {
		frame, err = i.Answer(connect, false)
		require.NoError(t, err)
		require.Equal(t, []byte{}, frame)
	}

	i.Responses[1].Key = "/4../"
	frame, err = i.Answer(false, true)
	require.NoError(t, err)
	require.Equal(t, "default", string(frame))

	i.Responses = nil
	_, err = i.Answer(true, false)
	require.EqualError(t, err, "M has no AWS::ApiGatewayV2::IntegrationResponse for the status 200; add one with the key $default")
	i.Selection = ""
	_, err = i.Answer(false, true)
	require.ErrorContains(t, err, "M, property RequestTemplates: the template must have a number")
}
