package serverless

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// addResources makes the template: what the framework generates, and what the file has under
// resources merged into it.
func (s *service) addResources() {
	own := get(s.tree, "resources")
	if !isNull(own) && !isMapping(own) {
		s.add(project.Failure, own.Line, "", "resources is not a mapping; it needs Resources: and the resources in it.")
		own = nil
	}
	s.template = mapping("AWSTemplateFormatVersion", "2010-09-09", "Resources", s.resources)
	sections := mapping()
	for _, key := range keys(own) {
		k, n := entry(own, key)
		switch key {
		case "Resources", "Outputs", "Parameters", "Conditions", "Mappings":
			if !isNull(n) && !isMapping(n) {
				s.add(project.Failure, k.Line, "", "%s is not a mapping, and is left out.", key)
				continue
			}
			if !isNull(n) {
				set(sections, key, n)
			}
		case "extensions", "Description", "AWSTemplateFormatVersion", "Metadata", "Rules":
		case "Transform":
			s.add(project.Warning, k.Line, "", "Transforms of CloudFormation are not run here.")
		default:
			hint := ""
			if isText(get(n, "Type")) {
				hint = "; write it under Resources: in resources:"
			}
			s.add(project.Warning, k.Line, "", "resources has no section %q%s.", short(key), hint)
		}
	}
	s.template = merge(s.template, sections)
	s.resources = get(s.template, "Resources")
	s.checkResources()
	s.extend(get(own, "extensions"))
	if s.plugins["serverless-pseudo-parameters"] {
		s.template = withoutHashes(s.template, false)
		s.resources = get(s.template, "Resources")
	} else if line := find(s.template, "#{AWS::"); line != 0 {
		s.add(project.Warning, line, "", "#{AWS::…} needs serverless-pseudo-parameters among the plugins; without it, it stays as it is.")
	}
}

// checkResources removes what is not a resource.
func (s *service) checkResources() {
	kept := &yaml.Node{Kind: yaml.MappingNode}
	for _, id := range keys(s.resources) {
		k, n := entry(s.resources, id)
		switch {
		case isNull(n):
		case !isMapping(n) || textOf(get(n, "Type")) == "":
			s.add(project.Failure, k.Line, id, "The resource has no Type.")
		default:
			kept.Content = append(kept.Content, k, n)
		}
	}
	s.resources = kept
	set(s.template, "Resources", kept)
}

// extend changes generated resources by resources.extensions, whose properties replace the
// generated ones.
func (s *service) extend(extensions *yaml.Node) {
	for _, id := range keys(extensions) {
		k, n := entry(extensions, id)
		resource := get(s.resources, id)
		if resource == nil {
			s.add(project.Warning, k.Line, id, "There is no resource %s to extend.", short(id))
			continue
		}
		resource = clone(resource)
		set(s.resources, id, resource)
		for _, key := range keys(n) {
			value := get(n, key)
			if key != "Properties" || !isMapping(value) {
				set(resource, key, value)
				continue
			}
			if get(resource, "Properties") == nil {
				set(resource, "Properties", mapping())
			}
			for _, name := range keys(value) {
				set(get(resource, "Properties"), name, get(value, name))
			}
		}
	}
}

// addGenerated adds resources of the framework that the file refers to, and that are nothing here:
// the role of the functions, the bucket, log groups and HTTP APIs.
func (s *service) addGenerated() {
	generated := [][2]string{
		{"IamRoleLambdaExecution", "AWS::IAM::Role"},
		{"ServerlessDeploymentBucket", "AWS::S3::Bucket"},
		{"ApiGatewayRestApi", "AWS::ApiGateway::RestApi"},
		{"HttpApi", "AWS::ApiGatewayV2::Api"},
		{"WebsocketsLogGroup", "AWS::Logs::LogGroup"},
	}
	for _, f := range s.functions {
		generated = append(generated, [2]string{normalize(f.key) + "LogGroup", "AWS::Logs::LogGroup"})
	}
	for _, g := range generated {
		if get(s.resources, g[0]) == nil && refersTo(s.template, g[0]) {
			s.implied[g[0]] = true
			s.addResource(g[0], g[1], 0, mapping("ProtocolType", "HTTP"))
		}
	}
}

// refersTo reports whether a tree refers to a resource.
func refersTo(n *yaml.Node, id string) bool {
	if n == nil {
		return false
	}
	name, argument := function(n)
	switch name {
	case "Ref":
		return textOf(argument) == id
	case "Fn::GetAtt":
		return firstText(argument) == id || strings.HasPrefix(firstText(argument), id+".")
	case "Fn::Sub":
		if s := firstText(argument); strings.Contains(s, "${"+id+"}") || strings.Contains(s, "${"+id+".") {
			return true
		}
	}
	for _, child := range n.Content {
		if refersTo(child, id) {
			return true
		}
	}
	return false
}

// find returns the line of the first text that contains s, or 0.
func find(n *yaml.Node, s string) int {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, s) {
		return n.Line
	}
	for _, child := range n.Content {
		if line := find(child, s); line != 0 {
			return line
		}
	}
	return 0
}

var hash = regexp.MustCompile(`#\{([A-Za-z0-9:.]+)\}`)

// withoutHashes returns a tree whose texts with #{…} are Fn::Sub, as serverless-pseudo-parameters
// makes them. inSub is set in Fn::Sub.
func withoutHashes(n *yaml.Node, inSub bool) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		if !hash.MatchString(n.Value) {
			return n
		}
		c := *n
		c.Value = hash.ReplaceAllString(n.Value, "$${$1}")
		if inSub {
			return &c
		}
		sub := mapping("Fn::Sub", &c)
		sub.Line = n.Line
		return sub
	}
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	name, _ := function(n)
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			c.Content[i] = child
		} else {
			c.Content[i] = withoutHashes(child, name == "Fn::Sub" || inSub && name == "")
		}
	}
	return &c
}
