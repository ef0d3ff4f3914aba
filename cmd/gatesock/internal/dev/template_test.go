//go:build !race && unix

package dev

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// templateText is a template with a function that answers the route "hello", and others.
func templateText(routes ...string) string {
	text := `Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: code}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Chat.Arn}/invocations
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref Chat, Principal: apigateway.amazonaws.com}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: test, AutoDeploy: true}
`
	for i, key := range routes {
		text += fmt.Sprintf(`  Route%d:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: %s, RouteResponseSelectionExpression: $default, Target: !Sub "integrations/${Integration}"}
  Response%d:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref Route%d, RouteResponseKey: $default}
`, i, key, i, i)
	}
	return text
}

// bootstrap replaces the function's program by a script, at once as a build does.
func (a *app) bootstrap(script string) {
	a.t.Helper()
	folder := filepath.Join(a.folder, "code")
	require.NoError(a.t, os.MkdirAll(folder, 0o700))
	path := filepath.Join(folder, "bootstrap")
	require.NoError(a.t, os.WriteFile(path+".tmp", []byte("#!/bin/sh\n"+script+"\n"), 0o600))
	require.NoError(a.t, os.Chmod(path+".tmp", 0o700)) //nolint:gosec // a program
	require.NoError(a.t, os.Rename(path+".tmp", path))
}

// answers replaces the function's program by one that answers with a text.
func (a *app) answers(text string) {
	a.t.Helper()
	self, err := os.Executable()
	require.NoError(a.t, err)
	a.bootstrap(asFunction + "='" + text + "' exec '" + self + "'")
}

func (s socket) text(message string) string {
	s.t.Helper()
	s.send(message)
	_, data, err := s.ws.Read(s.t.Context())
	require.NoError(s.t, err)
	return string(data)
}

// TestTemplate goes through what can be wrong with an application that has a template, and through
// changes of it. It does not know where the page is before the application runs, but by the lock.
func TestTemplate(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	template := filepath.Join(a.folder, "template.yaml")
	write(t, "Resources:\n  Chat: [", template)
	ready := make(chan Address, 1)
	a.o.Ready = func(all []Address) { ready <- all[0] }
	a.start()
	page := a.announced()
	failed := a.status(page, func(s status) bool { return s.State == "failed" })
	require.Contains(t, failed.Title, "template.yaml")
	require.Contains(t, failed.Title, "line 2")

	// Without its program, the function waits, and the rest runs.
	write(t, templateText("hello"), template)
	a.at = <-ready
	require.Equal(t, []string{"hello"}, a.at.Routes)
	require.Contains(t, a.out.String(), "there is no file code/bootstrap: build the function first")

	// A program that ends at once is told with its last words.
	a.bootstrap("echo no database; exit 3")
	failed = a.status(page, func(s status) bool { return s.State == "failed" })
	require.Contains(t, failed.Title, "Chat does not start: ")
	require.Contains(t, failed.Title, "exit status 3")
	require.Contains(t, failed.Output, "no database")

	a.answers("one")
	a.status(page, func(s status) bool { return s.State == "ready" && s.Reloads > 0 })
	client := a.connect()
	require.Equal(t, "one", client.text(`{"action":"hello"}`))
	require.Contains(t, client.text(`{"action":"more"}`), "Forbidden")

	// A route that is new in the template needs no new connection.
	reloads := a.status(page, func(status) bool { return true }).Reloads
	write(t, templateText("hello", "more"), template)
	now := a.status(page, func(s status) bool { return s.State == "ready" && s.Reloads > reloads })
	require.Equal(t, []string{"hello", "more"}, now.Addresses[0].Routes)
	require.Equal(t, "one", client.text(`{"action":"more"}`))

	write(t, templateText("hello")+"  x: [\n", template)
	a.status(page, func(s status) bool { return s.State == "failed" })
	require.Equal(t, "one", client.text(`{"action":"more"}`), "the last good template goes on")
	a.answers("two")
	a.status(page, func(s status) bool { return s.State == "ready" })
	require.Equal(t, "two", client.text(`{"action":"hello"}`))

	a.end()
	_, _, err := client.ws.Read(t.Context())
	require.Equal(t, websocket.StatusServiceRestart, websocket.CloseStatus(err))
}

// TestFirstStartFails has a program that ends at once when everything starts. Clients can connect,
// so the address is printed, and nothing is said of an earlier build.
func TestFirstStartFails(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	write(t, templateText("hello"), a.folder, "template.yaml")
	a.bootstrap("echo no database; exit 3")
	a.run()
	client := a.connect()
	require.Contains(t, client.text(`{"action":"hello"}`), "Internal server error")
	out := a.out.String()
	require.Contains(t, out, "Chat does not start: ")
	require.Contains(t, out, "waiting for a change")
	require.NotContains(t, out, "goes on")

	// The same holds for a change.
	a.answers("one")
	a.status(a.at.Page, func(s status) bool { return s.State == "ready" && s.Reloads == 1 })
	require.Equal(t, "one", client.text(`{"action":"hello"}`))
	a.bootstrap("exit 4")
	a.status(a.at.Page, func(s status) bool { return s.State == "failed" })
	require.NotContains(t, a.out.String(), "goes on")
	a.end()
}

// announced returns the address of the page, as a second command in the folder would see it.
func (a *app) announced() string {
	a.t.Helper()
	for {
		locks, err := filepath.Glob(filepath.Join(a.o.Cache, "locks", "*"))
		require.NoError(a.t, err)
		for _, lock := range locks {
			data, _ := os.ReadFile(lock)
			if _, rest, ok := strings.Cut(string(data), `"address":"`); ok && strings.Contains(rest, `"`) {
				address, _, _ := strings.Cut(rest, `"`)
				return address
			}
		}
		select {
		case err := <-a.ended:
			a.t.Fatal(err, a.out.String())
		default:
		}
	}
}
