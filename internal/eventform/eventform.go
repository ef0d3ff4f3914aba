// Package eventform writes the events of the gateway, for packages that hand a message to a router
// a second time.
package eventform

import (
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// The form of an event of the gateway, with what a router reads of a message (AWS Developer Guide,
// "API Gateway mapping template reference").
type (
	eventForm struct {
		Context        contextForm       `json:"requestContext"`
		StageVariables map[string]string `json:"stageVariables,omitempty"`
		Body           string            `json:"body"`
		Base64         bool              `json:"isBase64Encoded"`
	}
	contextForm struct {
		RouteKey     string             `json:"routeKey"`
		EventType    gatesock.EventType `json:"eventType"`
		ConnectionID string             `json:"connectionId"`
		RequestID    string             `json:"requestId,omitempty"`
		MessageID    string             `json:"messageId,omitempty"`
		APIID        string             `json:"apiId,omitempty"`
		Stage        string             `json:"stage,omitempty"`
		DomainName   string             `json:"domainName,omitempty"`
		Time         int64              `json:"requestTimeEpoch,omitempty"`
		ConnectedAt  int64              `json:"connectedAt,omitempty"`
		Identity     identityForm       `json:"identity"`
		Authorizer   map[string]string  `json:"authorizer,omitempty"`
	}
	identityForm struct {
		SourceIP       string `json:"sourceIp,omitempty"`
		UserAgent      string `json:"userAgent,omitempty"`
		APIKey         string `json:"apiKey,omitempty"`
		APIKeyID       string `json:"apiKeyId,omitempty"`
		AccountID      string `json:"accountId,omitempty"`
		Caller         string `json:"caller,omitempty"`
		User           string `json:"user,omitempty"`
		UserARN        string `json:"userArn,omitempty"`
		PrincipalOrgID string `json:"principalOrgId,omitempty"`
	}
)

// Of returns an event from which a router decodes an equal request. A body that is not UTF-8
// is in base64, because the strings of JSON would change it.
func Of(req *gatesock.Request) ([]byte, error) {
	e := eventForm{
		Context: contextForm{
			RouteKey: req.RouteKey, EventType: req.EventType, ConnectionID: req.ConnectionID,
			RequestID: req.RequestID, MessageID: req.MessageID,
			APIID: req.APIID, Stage: req.Stage, DomainName: req.DomainName,
			Time: millis(req.Time), ConnectedAt: millis(req.ConnectedAt),
			Identity: identityForm(req.Identity), Authorizer: req.Authorizer,
		},
		StageVariables: req.StageVariables,
		Body:           string(req.Body),
	}
	if !utf8.Valid(req.Body) {
		e.Body, e.Base64 = base64.StdEncoding.EncodeToString(req.Body), true
	}
	return gatesock.JSON{}.Marshal(e)
}

// millis returns a time as the gateway writes it, or 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
