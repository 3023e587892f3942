"""Chat templates in the manner of known families, written from what their prompts look like."""

CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}"
    "{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA_3 = """{{- bos_token }}
{%- set ns = namespace(date=strftime_now("%d %b")) %}
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" ~ system_message ~ "<|eot_id|>" }}
{%- for message in messages %}
    {{- "<|start_header_id|>" + message.role + "<|end_header_id|>\\n\\n" }}
    {{- message.content | trim + "<|eot_id|>" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}
{%- endif %}
"""
GRANITE = """{%- macro part(role, text) %}
{{- '<|start_of_role|>' ~ role ~ '<|end_of_role|>' ~ text ~ '<|end_of_text|>\\n' }}
{%- endmacro %}
{%- if tools %}{{ part('tools', tools | tojson(indent=4)) }}{% endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- generation %}{{ part(message.role, message.content) }}{%- endgeneration %}
    {%- elif message.role in ['system', 'user'] %}
{{ part(message.role, message.content) }}
    {%- else %}
        {%- continue %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"""
MISTRAL = """{%- if messages[0].role == 'system' %}
    {%- set start = messages[0].content %}
    {%- set talk = messages[1:] %}
{%- else %}
    {%- set talk = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in talk %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Turns must alternate, and not at ' ~ loop.index) }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- '[INST] ' + (start + '\\n\\n' if start is defined and loop.last else '') }}
        {{- message.content + '[/INST]' }}
    {%- else %}
        {{- ' ' + message.content.strip() + eos_token }}
    {%- endif %}
{%- endfor %}"""
TEMPLATES = {"chatml": CHATML, "llama 3": LLAMA_3, "granite": GRANITE, "mistral": MISTRAL}
MARKS = {
    "chatml": ("<|im_start|>", "<|im_end|>"),
    "llama 3": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "granite": ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
    "mistral": ("<s>", "</s>", "[INST]", "[/INST]"),
}
