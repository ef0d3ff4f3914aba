package project

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFunction(t *testing.T) {
	p := Project{Functions: []Function{{ID: "Chat", Name: "chat-prod"}, {ID: "Other", Name: "Chat"}}}
	for ref, id := range map[string]string{
		"Chat":      "Chat",
		"chat-prod": "Chat",
		"arn:aws:lambda:us-east-1:123456789012:function:chat-prod":      "Chat",
		"arn:aws:lambda:us-east-1:123456789012:function:chat-prod:live": "Chat",
		"123456789012:function:chat-prod":                               "Chat",
		"chat-prod:live":                                                "Chat",
		"arn:aws:lambda:us-east-1:123456789012:function:Chat":           "Other",
	} {
		f := p.Function(ref)
		require.NotNil(t, f, ref)
		require.Equal(t, id, f.ID, ref)
	}
	for _, ref := range []string{"", "chat", "arn:aws:lambda:us-east-1:123456789012:function:"} {
		require.Nil(t, p.Function(ref), ref)
	}
}
