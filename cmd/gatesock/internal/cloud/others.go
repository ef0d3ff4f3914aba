package cloud

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
)

// serveOthers sets up the services that have a few operations each.
func (c *Cloud) serveOthers() {
	c.sts = &api.Service{
		Name: "sts", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/", Query: true, Refused: c.refused,
		Operations: map[string]api.Operation{"GetCallerIdentity": api.Op(c.callerIdentity)},
	}
	c.parameters = &api.Service{
		Name: "ssm", JSON: "1.1", Refused: c.refused,
		Operations: map[string]api.Operation{
			"GetParameter":        api.Op(c.getParameter),
			"GetParameters":       api.Op(c.getParameters),
			"GetParametersByPath": api.Op(c.getParametersByPath),
		},
	}
	c.secrets = &api.Service{
		Name: "secretsmanager", JSON: "1.1", Refused: c.refused,
		Operations: map[string]api.Operation{"GetSecretValue": api.Op(c.getSecretValue)},
	}
}

type identityOut struct{ Arn, UserId, Account string } //nolint:revive // the service's names

func (c *Cloud) callerIdentity(context.Context, *struct{}) (*identityOut, error) {
	account := c.cfg.Project.AccountID
	return &identityOut{"arn:aws:sts::" + account + ":assumed-role/gatesock-dev/local", "AROAGATESOCKLOCAL0000:local", account}, nil
}

// parameter is a parameter of the Systems Manager, as the service shows it.
type parameter struct {
	ARN              string
	DataType         string
	LastModifiedDate float64
	Name, Type       string
	Value            string
	Version          int
}

// parameters returns all parameters: the project's, and what the configuration has instead or
// besides.
func (c *Cloud) allParameters() map[string]parameter {
	all := make(map[string]parameter)
	p := c.cfg.Project
	add := func(name, arn, kind, value string) {
		if arn == "" {
			arn = "arn:aws:ssm:" + p.Region + ":" + p.AccountID + ":parameter/" + strings.TrimPrefix(name, "/")
		}
		all[name] = parameter{arn, "text", float64(c.started.Unix()), name, kind, value, 1}
	}
	for _, known := range p.Parameters {
		add(known.Name, known.ARN, known.Type, known.Value)
	}
	for name, value := range c.cfg.Parameters {
		add(name, all[name].ARN, "SecureString", value)
	}
	return all
}

// find returns a parameter by its name or ARN, with or without a version.
func (c *Cloud) findParameter(ref string) (parameter, bool) {
	all := c.allParameters()
	name := ref
	if _, resource := splitARN(ref); resource != "" {
		name = strings.TrimPrefix(resource, "parameter")
		if _, ok := all[name]; !ok {
			name = strings.TrimPrefix(name, "/")
		}
	}
	if p, ok := all[name]; ok {
		return p, true
	}
	name, _, _ = strings.Cut(name, ":")
	p, ok := all[name]
	return p, ok
}

type parameterOut struct{ Parameter parameter }

func (c *Cloud) getParameter(_ context.Context, in *struct{ Name string }) (*parameterOut, error) {
	p, ok := c.findParameter(in.Name)
	if !ok {
		return nil, api.Errorf("ParameterNotFound", "The project has no parameter %s: add an AWS::SSM::Parameter, or give it to gatesock dev.", in.Name)
	}
	return &parameterOut{p}, nil
}

type parametersOut struct {
	Parameters        []parameter
	InvalidParameters []string `json:",omitempty"`
}

func (c *Cloud) getParameters(_ context.Context, in *struct{ Names []string }) (*parametersOut, error) {
	out := &parametersOut{Parameters: []parameter{}}
	for _, name := range in.Names {
		if p, ok := c.findParameter(name); ok {
			out.Parameters = append(out.Parameters, p)
			continue
		}
		out.InvalidParameters = append(out.InvalidParameters, name)
	}
	return out, nil
}

type byPathIn struct {
	Path      string
	Recursive bool
}

func (c *Cloud) getParametersByPath(_ context.Context, in *byPathIn) (*parametersOut, error) {
	out := &parametersOut{Parameters: []parameter{}}
	folder := strings.TrimSuffix(in.Path, "/") + "/"
	for _, p := range sortedValues(c.allParameters()) {
		rest, ok := strings.CutPrefix(p.Name, folder)
		if ok && (in.Recursive || !strings.Contains(rest, "/")) {
			out.Parameters = append(out.Parameters, p)
		}
	}
	return out, nil
}

type secretIn struct {
	SecretID string `json:"SecretId"`
}

type secretOut struct {
	ARN, Name, SecretString string
	VersionID               string `json:"VersionId"`
	VersionStages           []string
	CreatedDate             float64
}

func (c *Cloud) getSecretValue(_ context.Context, in *secretIn) (*secretOut, error) {
	p := c.cfg.Project
	out := &secretOut{VersionID: "00000000-0000-4000-8000-000000000001", VersionStages: []string{"AWSCURRENT"}, CreatedDate: float64(c.started.Unix())}
	for _, s := range p.Secrets {
		if in.SecretID == s.Name || in.SecretID == s.ARN || in.SecretID == withoutSuffix(s.ARN) {
			out.ARN, out.Name, out.SecretString = s.ARN, s.Name, s.Value
			if value, ok := c.cfg.Secrets[s.Name]; ok {
				out.SecretString = value
			}
			return out, nil
		}
	}
	for name, value := range c.cfg.Secrets {
		arn := "arn:aws:secretsmanager:" + p.Region + ":" + p.AccountID + ":secret:" + name
		if in.SecretID == name || in.SecretID == arn || withoutSuffix(in.SecretID) == arn {
			out.ARN, out.Name, out.SecretString = arn+"-000000", name, value
			return out, nil
		}
	}
	return nil, api.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret %s: add an AWS::SecretsManager::Secret, or give it to gatesock dev.", in.SecretID)
}

// withoutSuffix cuts off the six characters that the ARN of a secret ends in.
func withoutSuffix(arn string) string {
	if i := len(arn) - 7; i > 0 && arn[i] == '-' {
		return arn[:i]
	}
	return arn
}

// sortedValues returns the values of a map in the order of their keys.
func sortedValues[V any](m map[string]V) []V {
	values := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[k])
	}
	return values
}
