package cloudformation

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/seal"
)

//go:embed text/*.tmpl
var texts embed.FS

// Quotas of CloudFormation (AWS CloudFormation User Guide, "Understand CloudFormation quotas").
const (
	maxResources  = 500
	maxParameters = 200
	maxBytes      = 1 << 20
)

// Template returns a plan as a template of CloudFormation, sealed. The error says which quota it
// would exceed.
func Template(p *stack.Plan) ([]byte, error) {
	routes := make([]rawRoute, len(p.Routes))
	for i, r := range p.Routes {
		routes[i] = newRawRoute(p, r)
	}
	return write(view{Plan: p, RawRoutes: routes}, 0)
}

// write writes the template of a view. SAM makes further resources of it.
func write(v view, further int) ([]byte, error) {
	t, err := template.New("template.tmpl").Funcs(template.FuncMap{
		"accessLog": stack.AccessLog,
		"flow":      quoteFlow,
		"fold":      fold,
		"quote":     quote,
		"text":      textOf,
		"threshold": threshold,
		"values":    values,
	}).ParseFS(texts, "text/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("cloudformation: %w", err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, v); err != nil {
		return nil, fmt.Errorf("cloudformation: %w", err)
	}
	sealed := seal.Seal(text.Bytes())
	return sealed, check(sealed, further)
}

// check returns an error if a template exceeds a quota.
func check(text []byte, further int) error {
	var t struct {
		Parameters map[string]yaml.Node `yaml:"Parameters"`
		Resources  map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("cloudformation: the template is not YAML, which is a mistake in gatesock: %w", err)
	}
	const remedy = "make several programs of the application, each with an API of its own, or serve more messages from $default"
	switch resources := len(t.Resources) + further; {
	case resources > maxResources:
		return fmt.Errorf("cloudformation: the template has %d resources, and a stack can have %d: %s", resources, maxResources, remedy)
	case len(t.Parameters) > maxParameters:
		return fmt.Errorf("cloudformation: the template has %d parameters, and can have %d: read settings from AWS Systems Manager instead",
			len(t.Parameters), maxParameters)
	case len(text) > maxBytes:
		return fmt.Errorf("cloudformation: the template has %d bytes, and can have %d: %s", len(text), maxBytes, remedy)
	}
	return nil
}
