package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// measureFloor runs the programs that a pod's start and stop come down to, and nothing else: the
// network plugins, and runc for the sandbox and for its container.
func measureFloor(ctx context.Context, o *Options) (*Result, error) {
	result := newResult()
	for range o.count {
		if err := floorPod(ctx, o, result); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func floorPod(ctx context.Context, o *Options, r *Result) error {
	name := "floor"
	if err := command(ctx, "ip", "netns", "add", name); err != nil {
		return err
	}
	defer command(context.Background(), "ip", "netns", "delete", name)
	timed := func(what string, work func() error) error {
		began := time.Now()
		err := work()
		r.Samples[what] = append(r.Samples[what], sinceMs(began))
		return err
	}
	runc := func(args ...string) error {
		return command(ctx, o.runc, append([]string{"--root", o.bundles + "/runc"}, args...)...)
	}
	create := func(id string) func() error {
		return func() error {
			bundle := o.bundles + "/" + id
			return runc("create", "--bundle", bundle, "--pid-file", bundle+"/pid", id)
		}
	}
	start := func(id string) func() error { return func() error { return runc("start", id) } }
	kill := func(id string) func() error {
		return func() error {
			if err := runc("kill", id, "KILL"); err != nil {
				return err
			}
			return waitGone(ctx, o.bundles+"/"+id+"/pid")
		}
	}
	remove := func(id string) func() error { return func() error { return runc("delete", id) } }
	steps := []struct {
		what string
		work func() error
	}{
		{"CNI ADD", func() error { return plugins(ctx, o, name, "ADD") }},
		{"runc create, sandbox", create("sandbox")},
		{"runc start, sandbox", start("sandbox")},
		{"join the sandbox", func() error { return joinSandbox(o) }},
		{"runc create, container", create("container")},
		{"runc start, container", start("container")},
		{"runc kill, container", kill("container")},
		{"runc delete, container", remove("container")},
		{"runc kill, sandbox", kill("sandbox")},
		{"runc delete, sandbox", remove("sandbox")},
		{"CNI DEL", func() error { return plugins(ctx, o, name, "DEL") }},
	}
	for _, s := range steps {
		if err := timed(s.what, s.work); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

// waitGone waits for the end of a process, whose parent is whoever adopts orphans here.
func waitGone(ctx context.Context, pidFile string) error {
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
		// Gone, or a zombie that nobody has reaped yet: runc takes both for stopped.
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return nil
		}
		time.Sleep(500 * time.Microsecond)
	}
	return ctx.Err()
}

// joinSandbox writes the container's spec from its template: the sandbox's process is new.
func joinSandbox(o *Options) error {
	pid, err := os.ReadFile(o.bundles + "/sandbox/pid")
	if err != nil {
		return err
	}
	template, err := os.ReadFile(o.bundles + "/container/config.json.in")
	if err != nil {
		return err
	}
	spec := strings.ReplaceAll(string(template), "@PID@", string(pid))
	return os.WriteFile(o.bundles+"/container/config.json", []byte(spec), 0o600)
}

// plugins runs a list's plugins as libcni does: forward to add, backward to delete.
func plugins(ctx context.Context, o *Options, name, verb string) error {
	text, err := os.ReadFile(o.conf)
	if err != nil {
		return err
	}
	var list struct {
		CNIVersion string           `json:"cniVersion"`
		Name       string           `json:"name"`
		Plugins    []map[string]any `json:"plugins"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	env := append(os.Environ(), "CNI_COMMAND="+verb, "CNI_CONTAINERID="+name,
		"CNI_NETNS=/var/run/netns/"+name, "CNI_IFNAME=eth0", "CNI_PATH="+o.plugins)
	if verb == "DEL" {
		for i, j := 0, len(list.Plugins)-1; i < j; i, j = i+1, j-1 {
			list.Plugins[i], list.Plugins[j] = list.Plugins[j], list.Plugins[i]
		}
	}
	var previous any
	for _, plugin := range list.Plugins {
		plugin["cniVersion"], plugin["name"] = list.CNIVersion, list.Name
		if previous != nil {
			plugin["prevResult"] = previous
		}
		input, err := json.Marshal(plugin)
		if err != nil {
			return err
		}
		program := exec.CommandContext(ctx, fmt.Sprintf("%s/%s", o.plugins, plugin["type"]))
		program.Env, program.Stdin, program.Stderr = env, strings.NewReader(string(input)), os.Stderr
		output, err := program.Output()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", plugin["type"], err, output)
		}
		if verb == "ADD" {
			if err := json.Unmarshal(output, &previous); err != nil {
				return err
			}
		}
	}
	return nil
}

func command(ctx context.Context, name string, args ...string) error {
	program := exec.CommandContext(ctx, name, args...)
	// Not a pipe: the container's process would hold it open.
	program.Stderr = os.Stderr
	return program.Run()
}
