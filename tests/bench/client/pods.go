package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pod is one pod with one container on its way through life.
type pod struct {
	config      *cri.PodSandboxConfig
	id          string
	containerID string
}

// step is one call for a pod.
type step struct {
	name string
	call func(context.Context, *Clients, *Options, *pod) error
}

var upSteps = []step{
	{"RunPodSandbox", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		answer, err := c.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: p.config})
		p.id = answer.GetPodSandboxId()
		return err
	}},
	{"CreateContainer", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		var err error
		p.containerID, err = createContainer(ctx, c, o, p, "main")
		return err
	}},
	{"StartContainer", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		_, err := c.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: p.containerID})
		return err
	}},
}

func createContainer(ctx context.Context, c *Clients, o *Options, p *pod, name string) (string, error) {
	answer, err := c.runtime.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId:  p.id,
		SandboxConfig: p.config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: name},
			Image:    &cri.ImageSpec{Image: o.image},
			Command:  []string{"sleep", "100000"},
			LogPath:  name + ".log",
			// As the kubelet asks for it: processes of their own, all else shared.
			Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
			}},
		},
	})
	return answer.GetContainerId(), err
}

// addContainers starts those of a pod that it has beside its first.
var addContainers = step{"more containers", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
	for number := 1; number < o.containers; number++ {
		id, err := createContainer(ctx, c, o, p, fmt.Sprintf("more-%d", number))
		if err != nil {
			return err
		}
		if _, err := c.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id}); err != nil {
			return err
		}
	}
	return nil
}}

var downSteps = []step{
	{"StopContainer", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		_, err := c.runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: p.containerID})
		return err
	}},
	{"StopPodSandbox", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		_, err := c.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.id})
		return err
	}},
	{"RemoveContainer", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		_, err := c.runtime.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: p.containerID})
		return err
	}},
	{"RemovePodSandbox", func(ctx context.Context, c *Clients, o *Options, p *pod) error {
		_, err := c.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.id})
		return err
	}},
}

func newPod(o *Options, index int) (*pod, error) {
	name := fmt.Sprintf("%s-%d", o.prefix, index)
	logs := o.logDir + "/" + name
	// As the kubelet does.
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	return &pod{config: &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Namespace: "bench", Uid: "uid-" + name},
		Hostname:     name,
		LogDirectory: logs,
		Labels:       map[string]string{"app": "bench", "io.kubernetes.pod.name": name},
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent: o.cgroupParent,
			SecurityContext: &cri.LinuxSandboxSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
			},
		},
	}}, nil
}

func newPods(o *Options) ([]*pod, error) {
	pods := make([]*pod, o.count)
	for i := range pods {
		var err error
		if pods[i], err = newPod(o, i); err != nil {
			return nil, err
		}
	}
	return pods, nil
}

// takeSteps does the steps for each pod, o.parallel pods at a time, and adds a sample for each
// step and one for all of them together, under the name total.
func takeSteps(ctx context.Context, c *Clients, o *Options, pods []*pod, steps []step, r *Result, total string) error {
	var mutex sync.Mutex
	var first error
	var group sync.WaitGroup
	turns := make(chan struct{}, o.parallel)
	for _, p := range pods {
		turns <- struct{}{}
		group.Add(1)
		go func() {
			defer func() { <-turns; group.Done() }()
			took := map[string]float64{}
			began := time.Now()
			for _, s := range steps {
				stepBegan := time.Now()
				if err := s.call(ctx, c, o, p); err != nil {
					mutex.Lock()
					defer mutex.Unlock()
					if first == nil {
						first = fmt.Errorf("%s of %s: %w", s.name, p.config.Metadata.Name, err)
					}
					return
				}
				took[s.name] = sinceMs(stepBegan)
			}
			took[total] = sinceMs(began)
			mutex.Lock()
			defer mutex.Unlock()
			for name, ms := range took {
				r.Samples[name] = append(r.Samples[name], ms)
			}
		}()
	}
	group.Wait()
	return first
}

// measurePods takes pods up and down: with -parallel 1 one after another, each up and down before
// the next; else all up together, then all down.
func measurePods(ctx context.Context, o *Options) (*Result, error) {
	c, err := dial(o)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	pods, err := newPods(o)
	if err != nil {
		return nil, err
	}
	groups := [][]*pod{pods}
	if o.parallel == 1 {
		groups = nil
		for _, p := range pods {
			groups = append(groups, []*pod{p})
		}
	}
	// The connection and what a first call makes are not what is measured.
	if _, err := c.runtime.Version(ctx, &cri.VersionRequest{}); err != nil {
		return nil, err
	}
	result := newResult()
	var up, down float64
	for _, group := range groups {
		began := time.Now()
		if err := takeSteps(ctx, c, o, group, upSteps, result, "start"); err != nil {
			return nil, err
		}
		up += sinceMs(began)
		began = time.Now()
		if err := takeSteps(ctx, c, o, group, downSteps, result, "stop"); err != nil {
			return nil, err
		}
		down += sinceMs(began)
	}
	result.Values["upPerSecond"] = float64(o.count) / up * 1000
	result.Values["downPerSecond"] = float64(o.count) / down * 1000
	return result, nil
}

// makePods makes pods and leaves them.
func makePods(ctx context.Context, o *Options) (*Result, error) {
	c, err := dial(o)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	pods, err := newPods(o)
	if err != nil {
		return nil, err
	}
	result := newResult()
	return result, takeSteps(ctx, c, o, pods, append(upSteps, addContainers), result, "start")
}

// clearPods removes every pod.
func clearPods(ctx context.Context, o *Options) (*Result, error) {
	c, err := dial(o)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	list, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return nil, err
	}
	pods := make([]*pod, len(list.Items))
	for i, item := range list.Items {
		pods[i] = &pod{id: item.Id, config: &cri.PodSandboxConfig{Metadata: item.Metadata}}
	}
	steps := []step{downSteps[1], downSteps[3]}
	result := newResult()
	return result, takeSteps(ctx, c, o, pods, steps, result, "stop")
}
